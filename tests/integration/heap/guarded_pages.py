# SPDX-License-Identifier: Apache-2.0
"""Words that lead to a page which the map of the process calls readable and which is not: a guard page
as glibc has them below threads' stacks since 2.42 (MADV_GUARD_INSTALL).

usage: guarded_pages.py FOLDER with references.so. Prints a line of JSON; `pages` is 0 where the kernel
knows no such pages. Ends with stdin.
"""

import ctypes
import json
import mmap
import os
import struct
import sys

sys.path.insert(0, sys.argv[1])

import references

MADV_GUARD_INSTALL = 102
PAGES = 64
EACH = 20
SIZES = (48, 400, 3000, 100_000)

libc = ctypes.CDLL(None, use_errno=True)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Lost:
    pass


class Kept:
    pass


def guarded():
    """An address of memory whose second half are guard pages, which begin there; how many they are."""
    memory = mmap.mmap(-1, 2 * PAGES * mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    middle = address + PAGES * mmap.PAGESIZE
    failed = libc.madvise(middle, PAGES * mmap.PAGESIZE, MADV_GUARD_INSTALL)
    return memory, middle, 0 if failed else PAGES


def main():
    memory, middle, pages = guarded()
    lost = [Lost() for _ in range(EACH)]
    kept = [Kept() for _ in range(EACH)]
    # Heads of objects whose type would lie there; behind them where an object is.
    heads = b"".join(struct.pack("QQ", 1, middle + 16 * i) for i in range(16))
    holders = []
    for one in lost + kept:
        for size in SIZES:
            content = (heads + struct.pack("Q", id(one)) * 8)[:size].ljust(size, b"\0")
            holders.append(bytearray(content))
            block = libc.malloc(size)
            ctypes.memmove(block, content, size)
    holders.append(heads)
    for one in lost:
        references.leak(one)
    for one in kept:
        references.leak(one)
    lost.clear()
    del one
    print(json.dumps({"pid": os.getpid(), "pages": pages, "each": EACH}), flush=True)
    sys.stdin.read()
    os._exit(0)  # what stands there is no object


main()
