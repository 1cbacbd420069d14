# SPDX-License-Identifier: Apache-2.0
"""Takes blocks whose sizes tell their number, and notes each one's time in a file of its own.

usage: survival_target.py NOTES SECONDS PAUSE EXIT_CODE. NOTES gets the pid, then per block its
number and CLOCK_MONOTONIC right after it was taken, 8 bytes each. Block n has 100000 + n bytes;
every third one is freed, so that a session shows three sums. Prints one line at its end.
"""

import ctypes
import os
import struct
import sys
import time

libc = ctypes.CDLL(None)
libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
libc.free.argtypes, libc.free.restype = [ctypes.c_void_p], None


def take(number):
    return libc.malloc(100_000 + number)


def main():
    path, seconds, pause, code = sys.argv[1], *map(float, sys.argv[2:5])
    notes = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(notes, struct.pack("<qq", -1, os.getpid()))
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        block = take(number)
        os.write(notes, struct.pack("<qq", number, time.monotonic_ns()))
        if number % 3 == 0:
            libc.free(block)
        number += 1
        if pause:
            time.sleep(pause)
    print(f"done: {number}")
    sys.exit(int(code))


main()
