# SPDX-License-Identifier: Apache-2.0
"""Memory that a program has released and does not give back. usage: known_memory.py KIND FILE

KIND `holes`: blocks of malloc of which every eighth is kept; `threads`: the same in arenas of six
threads that wait; `pinned`: a burst below one block that is made last; `pymalloc`: small objects of
which one in 200 is kept; `calm`: nothing of all that. Then it rests. KIND `native_threads`,
`sockets`, `segments`, `grows`: every 50 ms one more thread of C code that waits, pair of sockets,
unlinked file of 256 KiB in shared memory, or 512 KiB in a list. At SIGTERM it writes to FILE,
as JSON, its rss before and after malloc_trim(0), and ends.
"""
import ctypes
import json
import os
import random
import signal
import socket
import sys
import threading
import time

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
kept = []


def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def touched(size):
    block = libc.malloc(size)
    libc.memset(block, 1, size)
    return block


def make_holes(seed, total):
    chooser = random.Random(seed)
    blocks = []
    size = 0
    while size < total:
        asked = chooser.randrange(20000, 100000)
        blocks.append(touched(asked))
        size += asked
    for index, block in enumerate(blocks):
        if index % 8:
            libc.free(block)
    kept.append(blocks[::8])


def in_threads(count):
    ready = threading.Barrier(count + 1)
    rest = threading.Event()

    def work(seed):
        make_holes(seed, 24 << 20)
        ready.wait()
        rest.wait()

    for seed in range(count):
        threading.Thread(target=work, args=(seed,), daemon=True).start()
    ready.wait()


def remember_last():
    kept.append(touched(100000))  # larger than any hole below


def burst_below_a_pin():
    burst = [touched(90000) for _ in range(1200)]
    remember_last()
    for block in burst:
        libc.free(block)


def small_objects():
    objects = [(number, str(number)) for number in range(1_000_000)]
    kept.append(objects[::200])


def one_more(kind):
    if kind == "native_threads":
        thread = ctypes.c_ulong()
        libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)
    elif kind == "grows":
        kept.append(bytearray(512 << 10))
    elif kind == "sockets":
        kept.append(socket.socketpair())
    elif kind == "segments":
        file = os.memfd_create("segment")
        os.write(file, bytes(256 << 10))
        kept.append(file)


def main():
    kind, path = sys.argv[1:]
    # A block of the top that is asked for later would be made in memory that is there already.
    if kind == "holes":
        make_holes(1, 128 << 20)
    elif kind == "threads":
        in_threads(6)
    elif kind == "pinned":
        burst_below_a_pin()
    elif kind == "pymalloc":
        small_objects()
    is_over = []
    signal.signal(signal.SIGTERM, lambda *_: is_over.append(True))
    while not is_over:
        time.sleep(0.05)
        one_more(kind)
    before = rss()
    libc.malloc_trim(0)
    with open(path, "w") as file:
        json.dump({"before": before, "after": rss()}, file)


if __name__ == "__main__":
    main()
