# SPDX-License-Identifier: Apache-2.0
"""Calls each entry point of malloc with known sizes, and prints what must be found, to the byte.

Each entry point has a Python function of its own here, so that its calls are one site. Every third
block is freed. A realloc counts as a release of the old block, at the site that made it, and an
allocation of the new one at realloc's own; a realloc that fails would be no event.
"""

import ctypes

from common import finish, operations, parse_arguments, site

libc = ctypes.CDLL(None)
for entry, arguments in {
    "malloc": [ctypes.c_size_t],
    "calloc": [ctypes.c_size_t, ctypes.c_size_t],
    "realloc": [ctypes.c_void_p, ctypes.c_size_t],
    "memalign": [ctypes.c_size_t, ctypes.c_size_t],
    "aligned_alloc": [ctypes.c_size_t, ctypes.c_size_t],
}.items():
    getattr(libc, entry).argtypes = arguments
    getattr(libc, entry).restype = ctypes.c_void_p
libc.posix_memalign.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.free.restype = None


class Books:
    """What has been allocated and released, per entry point, in blocks and requested bytes."""

    def __init__(self):
        self._blocks = {}
        self._counts = {}

    def allocated(self, entry, address, size):
        if not address:
            raise MemoryError(f"{entry} of {size} bytes failed")
        self._blocks[address] = (entry, size)
        self._count(entry, "allocated", size)

    def released(self, address):
        entry, size = self._blocks.pop(address)
        self._count(entry, "released", size)

    def total(self, entry):
        counts = self._counts.get(entry, {})
        allocated = counts.get("allocated", (0, 0))
        released = counts.get("released", (0, 0))
        live = (allocated[0] - released[0], allocated[1] - released[1])
        named = zip(("allocated", "released", "live"), (allocated, released, live))
        return {name: {"bytes": size, "blocks": blocks} for name, (size, blocks) in named}

    def _count(self, entry, what, size):
        counts = self._counts.setdefault(entry, {})
        total, blocks = counts.get(what, (0, 0))
        counts[what] = (total + size, blocks + 1)


def call_malloc(size):
    return libc.malloc(size)  # malloc


def call_calloc(count, size):
    return libc.calloc(count, size)  # calloc


def call_realloc(address, size):
    return libc.realloc(address, size)  # realloc


def call_posix_memalign(result, alignment, size):
    return libc.posix_memalign(result, alignment, size)  # posix_memalign


def call_memalign(alignment, size):
    return libc.memalign(alignment, size)  # memalign


def call_aligned_alloc(alignment, size):
    return libc.aligned_alloc(alignment, size)  # aligned_alloc


FUNCTIONS = {
    "malloc": "call_malloc",
    "calloc": "call_calloc",
    "realloc": "call_realloc",
    "posix_memalign": "call_posix_memalign",
    "memalign": "call_memalign",
    "aligned_alloc": "call_aligned_alloc",
}


def one_round(books, number):
    """Takes one block from each entry point, of sizes that differ from round to round."""
    size = 1000 + 16 * (number % 500)
    taken = []

    def book(entry, address, requested):
        books.allocated(entry, address, requested)
        taken.append(address)

    book("malloc", call_malloc(size), size)
    book("calloc", call_calloc(3, size), 3 * size)
    result = ctypes.c_void_p()
    failed = call_posix_memalign(ctypes.byref(result), 64, size + 1)
    book("posix_memalign", None if failed else result.value, size + 1)
    book("memalign", call_memalign(256, size + 2), size + 2)
    book("aligned_alloc", call_aligned_alloc(64, 64 * (1 + number % 50)), 64 * (1 + number % 50))

    old = call_malloc(size + 3)
    books.allocated("malloc", old, size + 3)
    new = call_realloc(old, 4 * size)
    books.released(old)
    book("realloc", new, 4 * size)
    fresh = call_realloc(None, size + 4)
    book("realloc", fresh, size + 4)

    for index, address in enumerate(taken):
        if (number + index) % 3 == 0:
            libc.free(address)
            books.released(address)


def main():
    books = Books()
    done = 0
    for number in operations(parse_arguments(__doc__, ops=1000, rate=0.0)):
        one_round(books, number)
        done += 1
    entries = [
        {"allocator": entry, "site": site(__file__, function, entry), **books.total(entry)}
        for entry, function in FUNCTIONS.items()
    ]
    finish(
        verdict=None,
        operations=done,
        entries=entries,
        bytes=sum(entry["live"]["bytes"] for entry in entries),
        blocks=sum(entry["live"]["blocks"] for entry in entries),
    )


main()
