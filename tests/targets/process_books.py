# SPDX-License-Identifier: Apache-2.0
"""The books of one process: the blocks that it took and gave back at `take` and `give`.

A process says what it has by adding a line to a file that all processes of a run share. What it
inherited by a fork is told apart, at any fork. A process that replaces itself keeps its pid: the
books of its images are added up by whoever compares.
"""

import ctypes
import json
import os
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
libc.memalign.argtypes = [ctypes.c_size_t, ctypes.c_size_t]  # an entry point that nobody else uses
libc.memalign.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.free.restype = None


class Books:
    """Counts of bytes and blocks, and the sizes of what is live, by address."""

    def __init__(self):
        self.made = "first"  # or fork, or exec
        self.parent = os.getppid()
        self.image = time.monotonic_ns()  # tells the images of one process apart
        self.live, self.inherited = {}, (0, 0)
        self.allocated = self.released = (0, 0)
        self._forked_by = 0  # the parent may be gone when the child asks
        os.register_at_fork(before=self._before_fork, after_in_child=self._start_in_fork)

    def _before_fork(self):
        self._forked_by = os.getpid()

    def _start_in_fork(self):
        self.made, self.parent = "fork", self._forked_by
        self.image = time.monotonic_ns()
        self.inherited = total(self.live.values())
        self.allocated = self.released = (0, 0)

    def note(self, path, ended):
        line = {"pid": os.getpid(), "image": self.image, "parent": self.parent}
        line.update(made=self.made, ended=ended)
        for name in ("inherited", "allocated", "released"):
            line[name] = dict(zip(("bytes", "blocks"), getattr(self, name)))
        line["live"] = dict(zip(("bytes", "blocks"), total(self.live.values())))
        with open(path, "a") as notes:
            notes.write(json.dumps(line) + "\n")


def total(sizes):
    return sum(sizes), len(sizes)


BOOKS = Books()
LOCK = threading.Lock()


def take(size):
    with LOCK:
        address = libc.memalign(64, size)  # ALLOCATES
        BOOKS.live[address] = size
        BOOKS.allocated = (BOOKS.allocated[0] + size, BOOKS.allocated[1] + 1)
    return address


def give(address):
    with LOCK:
        size = BOOKS.live.pop(address)
        BOOKS.released = (BOOKS.released[0] + size, BOOKS.released[1] + 1)
        libc.free(address)


def work(seed):
    """Takes and gives blocks whose number and sizes depend on the seed."""
    taken = [take(1000 + seed * 7 + number) for number in range(100 + seed)]
    for address in taken[:: 2 + seed % 3]:
        give(address)
