# SPDX-License-Identifier: Apache-2.0
"""malloc's heaps with a known content. usage: malloc_known.py KIND

KIND `holes`: blocks of 2000 to 40000 bytes, of which one in eight is kept; `threads`: the same by
four threads that wait, in arenas of their own. Prints what glibc's mallinfo2 and malloc_info say as
JSON ("ready"), then, for each line on stdin, calls malloc_trim(0) and prints its rss before and
after.
"""
import ctypes
import json
import random
import sys
import threading

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]


class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t)
                for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                             "uordblks", "fordblks", "keepcost")]


libc.mallinfo2.restype = Mallinfo2


def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def make_holes(seed, total):
    chooser = random.Random(seed)
    blocks = []
    size = 0
    while size < total:
        asked = chooser.randrange(2000, 40000)
        block = libc.malloc(asked)
        libc.memset(block, 1, asked)
        blocks.append(block)
        size += asked
    for index, block in enumerate(blocks):
        if index % 8:
            libc.free(block)
    return blocks[::8]


def main():
    kept = []
    done = threading.Event()
    if sys.argv[1] == "holes":
        kept.append(make_holes(1, 64 << 20))
    else:
        ready = threading.Barrier(5)

        def work(seed):
            kept.append(make_holes(seed, 16 << 20))
            ready.wait()
            done.wait()

        threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(4)]
        for thread in threads:
            thread.start()
        ready.wait()
    info = libc.mallinfo2()
    print(json.dumps({"arena": info.arena, "in_use": info.uordblks, "free": info.fordblks,
                      "mapped": info.hblkhd}), flush=True)
    for _ in sys.stdin:
        before = rss()
        libc.malloc_trim(0)
        print(json.dumps({"before": before, "after": rss()}), flush=True)


if __name__ == "__main__":
    main()
