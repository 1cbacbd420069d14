# SPDX-License-Identifier: Apache-2.0
"""Pins memory as drivers do, by io_uring: plain data, and with "objects" what objects are made of."""

import ctypes
import json
import mmap
import os
import sys
import threading

MIB = 1 << 20
PAGE = 4096
SYS_IO_URING_SETUP, SYS_IO_URING_REGISTER, IORING_REGISTER_BUFFERS = 425, 427, 0
MADV_DONTFORK = 10

libc = ctypes.CDLL(None, use_errno=True)


class Kept:
    """Only lists refer to these."""


def pages(size):
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, size, PAGE):
        memory[at] = 1
    return memory


def address_of(memory):
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def pin(ranges):
    """The error, 0: they are pinned while the process lives."""
    ring = libc.syscall(SYS_IO_URING_SETUP, 4, ctypes.create_string_buffer(120))
    if ring < 0:
        return ctypes.get_errno()
    vectors = (ctypes.c_size_t * (2 * len(ranges)))(*(n for one in ranges for n in one))
    done = libc.syscall(
        SYS_IO_URING_REGISTER, ring, IORING_REGISTER_BUFFERS, vectors, len(ranges)
    )
    return ctypes.get_errno() if done else 0


def pinned_bytes():
    with open("/proc/self/status", encoding="utf-8") as status:
        return int(status.read().split("VmPin:")[1].split()[0]) * 1024


def kept_back(memory):
    """How many bytes of it forked children do not get (MADV_DONTFORK)."""
    begin, end = address_of(memory), address_of(memory) + len(memory)
    found, at = 0, (0, 0)
    with open("/proc/self/smaps", encoding="utf-8") as smaps:
        for line in smaps:
            first = line.split(None, 1)[0]
            if "-" in first:
                at = tuple(int(number, 16) for number in first.split("-"))
            elif first == "VmFlags:" and " dc" in line:
                found += max(0, min(end, at[1]) - max(begin, at[0]))
    return found


def fork_on_and_on(memory, state):
    """Children that read what is pinned: they must have it."""
    while not state["stops"]:
        child = os.fork()
        if child == 0:
            whole = all(memory[at] == 1 for at in range(0, len(memory), 64 * PAGE))
            os._exit(0 if whole else 1)
        state["forks"] += 1
        state["broken"] += os.waitpid(child, 0)[1] != 0


plain = pages(256 * MIB)
ranges = [(address_of(plain), len(plain))]
own = pages(8 * MIB)  # that forked children do not get anyway
libc.madvise(ctypes.c_void_p(address_of(own)), ctypes.c_size_t(len(own)), MADV_DONTFORK)
ranges.append((address_of(own), len(own)))
kept = [Kept() for _ in range(1000)]
TEXT = []
if "objects" in sys.argv:
    kept = [kept[i % 1000] for i in range(1 * MIB)]  # a table of 8 MiB
    items = ctypes.c_size_t.from_address(id(kept) + 24).value
    ranges.append((items, 8 * len(kept)))
    TEXT = [bytes(16 * MIB)]  # an object of 16 MiB, all zeroes behind its head
    ranges.append((id(TEXT[0]), len(TEXT[0])))
said = {"pid": os.getpid(), "error": pin(ranges), "pinned": pinned_bytes()}
print(json.dumps(said), flush=True)
state = {"forks": 0, "broken": 0, "stops": False}
if "forks" in sys.argv:
    threading.Thread(target=fork_on_and_on, args=(plain, state), daemon=True).start()
for line in sys.stdin:
    answer = {"plain": kept_back(plain), "own": kept_back(own), "kept": len(kept), **state}
    print(json.dumps(answer), flush=True)
state["stops"] = True
os._exit(0)
