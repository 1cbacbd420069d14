# SPDX-License-Identifier: Apache-2.0
"""Retained: 200 MB of blocks of 24 kB are freed but for one in 64; glibc keeps nearly all of it.

What is in use is flat and small afterwards, resident memory is not. The pins stand between the
free blocks, so that the heap cannot shrink from its top. `malloc_trim` would give it back.
"""

import ctypes

from common import finish, operations, parse_arguments, site

SIZE = 24_000  # below glibc's smallest threshold for mmap, 128 KiB
COUNT = 8_500
PIN_EVERY = 64

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
PINS = []


def take():
    address = libc.malloc(SIZE)  # ALLOCATES
    ctypes.memset(address, 1, SIZE)
    return address


def burst():
    for index, address in enumerate([take() for _ in range(COUNT)], 1):
        if index % PIN_EVERY == 0 or index == COUNT:
            PINS.append(address)
        else:
            libc.free(address)


def main():
    arguments = parse_arguments(__doc__)
    burst()
    done = 0
    for _ in operations(arguments):
        libc.free(take())
        done += 1
    finish(
        verdict="retained",
        kind="allocator_retention",
        site=site(__file__, "take"),
        holder=None,
        operations=done,
        bytes_per_operation=0,
        bytes=len(PINS) * SIZE,
        blocks=len(PINS),
        retained_bytes_about=(COUNT - len(PINS)) * SIZE,
    )


main()
