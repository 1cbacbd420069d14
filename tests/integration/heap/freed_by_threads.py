# SPDX-License-Identifier: Apache-2.0
"""Memory of threads' own arenas, in use and given back, full of what looks like objects.

Prints a line of JSON: the process, and where the blocks in use begin like an object, behind the head
that the collector's have. Ends with stdin.
"""

import ctypes
import json
import os
import random
import struct
import sys
import threading

THREADS = 4
BLOCKS = 1500
SIZES = (32, 100, 640, 1000, 3000, 20_000)

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


class Ghost:  # of this class no object was ever made
    __slots__ = ()


NOT_TRACKED = 0, 0
HEAD = struct.pack("4Q", *NOT_TRACKED, 1, id(Ghost))


def take(size):
    block = libc.malloc(size)
    ctypes.memmove(block, HEAD * (size // len(HEAD)), size // len(HEAD) * len(HEAD))
    return block


def work(number, used, is_done, end):
    dice = random.Random(number)
    blocks = [take(dice.choice(SIZES)) for _ in range(BLOCKS)]
    dice.shuffle(blocks)
    for block in blocks[BLOCKS // 3 :]:
        libc.free(block)
    used.extend(block + len(HEAD) // 2 for block in blocks[: BLOCKS // 3])
    is_done.wait()
    end.wait()


def main():
    used = []
    is_done = threading.Barrier(THREADS + 1)
    end = threading.Event()
    threads = [threading.Thread(target=work, args=(n, used, is_done, end)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    is_done.wait()
    print(json.dumps({"pid": os.getpid(), "used": used}), flush=True)
    sys.stdin.readline()
    end.set()


if __name__ == "__main__":
    main()
