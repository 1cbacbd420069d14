# SPDX-License-Identifier: Apache-2.0
"""Takes blocks whose sizes tell their number, and notes each one's time in a file of its own.

usage: survival_target.py NOTES SECONDS PAUSE EXIT_CODE [LOAD]. NOTES gets the pid, then per block
its number and CLOCK_MONOTONIC right after it was taken, 8 bytes each. Block n has 100000 + n bytes;
every third one is freed, so that a session shows three sums. Prints one line at its end. LOAD is
what happens beside:

plain    nothing
grow     the blocks are touched, beside 120 MB of a file in memory: until the kernel steps in
forks    children come and go, up to 6 at a time, and allocate
threads  8 threads allocate as fast as they can
flood    thousands of events between two blocks
"""

import ctypes
import os
import struct
import sys
import threading
import time

libc = ctypes.CDLL(None)
libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
libc.free.argtypes, libc.free.restype = [ctypes.c_void_p], None


def take(number):
    return libc.malloc(100_000 + number)


class Plain:
    def before_blocks(self):
        pass

    def after_block(self, number, block):
        pass

    def at_end(self):
        pass


class Grow(Plain):
    # Charged to the cgroup, but not to a process: the kernel's choice of a victim can be steered.
    def before_blocks(self):
        self.file = os.memfd_create("ballast")
        for _ in range(120):
            os.write(self.file, bytes(1_000_000))

    def after_block(self, number, block):
        ctypes.memset(block, 1, 100_000 + number)


class Forks(Plain):
    def before_blocks(self):
        self.children = []

    def after_block(self, number, block):
        if number % 20:
            return
        pid = os.fork()
        if pid == 0:
            kept = [bytes(1000 + n) for n in range(3000)]
            os._exit(len(kept) - 3000)
        self.children.append(pid)
        if len(self.children) >= 6:
            self.reap()

    def reap(self):
        _, status = os.waitpid(self.children.pop(0), 0)
        if status != 0:
            sys.exit(f"a child ended with {status}")

    def at_end(self):
        while self.children:
            self.reap()


class Threads(Plain):
    def before_blocks(self):
        self.is_over = False
        sys.setswitchinterval(0.0005)
        self.threads = [threading.Thread(target=self.churn) for _ in range(8)]
        for thread in self.threads:
            thread.start()

    def churn(self):
        kept = []
        while not self.is_over:
            kept = [bytes(600 + n) for n in range(500)] + kept[:200]

    def at_end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()


class Flood(Plain):
    def before_blocks(self):
        self.kept = []

    def after_block(self, number, block):
        self.kept = [bytes(600 + number % 700 + n) for n in range(2000)] + self.kept[::3]


LOADS = {"plain": Plain, "grow": Grow, "forks": Forks, "threads": Threads, "flood": Flood}


def main():
    path, seconds, pause, code = sys.argv[1], *map(float, sys.argv[2:5])
    load = LOADS[sys.argv[5] if len(sys.argv) > 5 else "plain"]()
    notes = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(notes, struct.pack("<qq", -1, os.getpid()))
    load.before_blocks()
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        block = take(number)
        os.write(notes, struct.pack("<qq", number, time.monotonic_ns()))
        load.after_block(number, block)
        if number % 3 == 0:
            libc.free(block)
        number += 1
        if pause:
            time.sleep(pause)
    load.at_end()
    print(f"done: {number}")
    sys.exit(int(code))


main()
