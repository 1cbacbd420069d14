# SPDX-License-Identifier: Apache-2.0
"""Calls each entry point of malloc and mmap with known sizes; prints what must be found.

Each entry point has a Python function of its own here, so that its calls are one site. Every third
block is freed, every seventh by another thread; threads take blocks of their own and end. A realloc
counts as a release of the old block, at the site that made it, and an allocation of the new one at
realloc's own, also in place; a call that fails is no event. A mapping unmapped in parts releases
its bytes at once and its block with the last part.
"""

import ctypes
import mmap as mmap_constants
import queue
import threading

from common import finish, operations, parse_arguments, site

libc = ctypes.CDLL(None, use_errno=True)
size_t, pointer = ctypes.c_size_t, ctypes.c_void_p
for entry, arguments in {
    "malloc": [size_t],
    "calloc": [size_t, size_t],
    "realloc": [pointer, size_t],
    "reallocarray": [pointer, size_t, size_t],
    "memalign": [size_t, size_t],
    "aligned_alloc": [size_t, size_t],
    "valloc": [size_t],
    "pvalloc": [size_t],
    "mmap": [pointer, size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long],
    "mremap": [pointer, size_t, size_t, ctypes.c_int],
}.items():
    getattr(libc, entry).argtypes = arguments
    getattr(libc, entry).restype = pointer
libc.posix_memalign.argtypes = [ctypes.POINTER(pointer), size_t, size_t]
libc.munmap.argtypes = [pointer, size_t]
libc.free.argtypes = [pointer]
libc.free.restype = None

PAGE = mmap_constants.PAGESIZE
MAP_FAILED = ctypes.c_void_p(-1).value
MAY_MOVE = 1
PROTECTION = mmap_constants.PROT_READ | mmap_constants.PROT_WRITE
ANONYMOUS = mmap_constants.MAP_PRIVATE | mmap_constants.MAP_ANONYMOUS
FAILS = 1 << 62  # bytes that nobody has


class Books:
    """What has been allocated and released, per entry point, in blocks and requested bytes.

    An address is booked out before it is freed: afterwards it may be another thread's block.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._blocks = {}
        self._counts = {}

    def allocated(self, entry, address, size):
        if not address or address == MAP_FAILED:
            raise MemoryError(f"{entry} of {size} bytes failed")
        with self._lock:
            self._blocks[address] = (entry, size)
            self._count(entry, "allocated", size, 1)

    def released(self, address):
        with self._lock:
            entry, size = self._blocks.pop(address)
            self._count(entry, "released", size, 1)

    def released_part(self, address, size, new_address):
        """The part of a mapping at its front or end is gone; the rest begins at `new_address`."""
        with self._lock:
            entry, before = self._blocks.pop(address)
            self._blocks[new_address] = (entry, before - size)
            self._count(entry, "released", size, 0)

    def total(self, entry):
        counts = self._counts.get(entry, {})
        allocated = counts.get("allocated", (0, 0))
        released = counts.get("released", (0, 0))
        live = (allocated[0] - released[0], allocated[1] - released[1])
        named = zip(("allocated", "released", "live"), (allocated, released, live))
        return {name: {"bytes": size, "blocks": blocks} for name, (size, blocks) in named}

    def _count(self, entry, what, size, added):
        counts = self._counts.setdefault(entry, {})
        total, blocks = counts.get(what, (0, 0))
        counts[what] = (total + size, blocks + added)


def call_malloc(size):
    return libc.malloc(size)  # malloc


def call_calloc(count, size):
    return libc.calloc(count, size)  # calloc


def call_realloc(address, size):
    return libc.realloc(address, size)  # realloc


def call_reallocarray(address, count, size):
    return libc.reallocarray(address, count, size)  # reallocarray


def call_posix_memalign(result, alignment, size):
    return libc.posix_memalign(result, alignment, size)  # posix_memalign


def call_memalign(alignment, size):
    return libc.memalign(alignment, size)  # memalign


def call_aligned_alloc(alignment, size):
    return libc.aligned_alloc(alignment, size)  # aligned_alloc


def call_valloc(size):
    return libc.valloc(size)  # valloc


def call_pvalloc(size):
    return libc.pvalloc(size)  # pvalloc


def call_mmap(size):
    return libc.mmap(None, size, PROTECTION, ANONYMOUS, -1, 0)  # mmap


def call_mremap(address, old_size, size):
    return libc.mremap(address, old_size, size, MAY_MOVE)  # mremap


FUNCTIONS = {
    "malloc": "call_malloc",
    "calloc": "call_calloc",
    "realloc": "call_realloc",
    "reallocarray": "call_reallocarray",
    "posix_memalign": "call_posix_memalign",
    "memalign": "call_memalign",
    "aligned_alloc": "call_aligned_alloc",
    "valloc": "call_valloc",
    "pvalloc": "call_pvalloc",
    "mmap": "call_mmap",
    "mremap": "call_mremap",
}


def release(books, address):
    books.released(address)
    libc.free(address)


def take_blocks(books, number):
    """Takes one block from each entry point of malloc; returns their addresses."""
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
    book("valloc", call_valloc(size + 5), size + 5)
    book("pvalloc", call_pvalloc(size + 6), size + 6)
    book("malloc", call_malloc(0), 0)
    book("calloc", call_calloc(0, 8), 0)

    old = call_malloc(size + 3)
    books.allocated("malloc", old, size + 3)
    books.released(old)
    book("realloc", call_realloc(old, 4 * size), 4 * size)
    book("realloc", call_realloc(None, size + 4), size + 4)
    book("reallocarray", call_reallocarray(None, 7, size), 7 * size)
    return taken


def reallocate(books, number):
    """A chain that grows, shrinks, moves and stays, then ends by free or by realloc(p, 0)."""
    size = 100 + number % 64
    address = call_malloc(size)
    books.allocated("malloc", address, size)
    for step in range(8):
        size = max(1, (size * 3, size - 7, size // 2, 300_000)[(number + step) % 4])
        if call_realloc(address, FAILS) or call_reallocarray(address, FAILS, 16):
            raise AssertionError("nobody has that much memory")
        books.released(address)
        if step % 2:
            address = call_reallocarray(address, 2, size)
            books.allocated("reallocarray", address, 2 * size)
        else:
            address = call_realloc(address, size)
            books.allocated("realloc", address, size)
    if number % 2:
        release(books, address)
    else:
        books.released(address)
        if call_realloc(address, 0):
            raise AssertionError("realloc(p, 0) gave a block: not glibc")


def fail(books, number):
    """Calls that fail: no events."""
    result = ctypes.c_void_p(number)
    if not call_posix_memalign(ctypes.byref(result), 3, 64) or result.value != (number or None):
        raise AssertionError("posix_memalign with an alignment of 3 must fail, out untouched")
    failures = (
        call_malloc(FAILS),
        call_calloc(FAILS, 16),
        call_calloc(FAILS, 1),
        call_memalign(64, FAILS),
        call_aligned_alloc(64, FAILS),
        call_valloc(FAILS),
    )
    if any(failures) or call_mmap(FAILS) != MAP_FAILED or call_mmap(0) != MAP_FAILED:
        raise AssertionError("nobody has that much memory")


def map_and_unmap(books, number):
    """Mappings: unmapped whole, at the front, at the end, page by page; remapped; some stay."""
    pages = 6 + number % 5
    address = call_mmap(pages * PAGE)
    books.allocated("mmap", address, pages * PAGE)
    way = number % 6
    if way == 0:
        books.released(address)
        libc.munmap(address, pages * PAGE)
    elif way == 1:  # front, stays in part
        libc.munmap(address, 2 * PAGE)
        books.released_part(address, 2 * PAGE, address + 2 * PAGE)
    elif way == 2:  # end, then the rest
        libc.munmap(address + (pages - 2) * PAGE, 2 * PAGE)
        books.released_part(address, 2 * PAGE, address)
        books.released(address)
        libc.munmap(address, (pages - 2) * PAGE)
    elif way == 3:  # page by page, from both ends
        left = [address + index * PAGE for index in range(pages)]
        while len(left) > 1:
            first = left[0]
            libc.munmap(left.pop(len(left) % 2 - 1), PAGE)
            books.released_part(first, PAGE, left[0])
        books.released(left[0])
        libc.munmap(left[0], PAGE)
    elif way == 4:  # grows, then shrinks, then goes
        books.released(address)
        address = call_mremap(address, pages * PAGE, 3 * pages * PAGE)
        books.allocated("mremap", address, 3 * pages * PAGE)
        books.released(address)
        address = call_mremap(address, 3 * pages * PAGE, 2 * PAGE)
        books.allocated("mremap", address, 2 * PAGE)
        if number % 4:
            books.released(address)
            libc.munmap(address, 2 * PAGE)
    # way 5: stays


def work(books, numbers, handed_on):
    """A thread of its own: half of its blocks are freed by the one behind `handed_on`."""
    for number in numbers:
        for index, address in enumerate(take_blocks(books, number)):
            if index % 2:
                handed_on.put(address)
            else:
                release(books, address)


def free_for_others(books, handed_on):
    while True:
        address = handed_on.get()
        if address is None:
            return
        release(books, address)


def run_threads(books, number):
    handed_on = queue.Queue()
    workers = [
        threading.Thread(target=work, args=(books, range(number, number + 5), handed_on))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    handed_on.put(None)
    free_for_others(books, handed_on)


def one_round(books, number, handed_on):
    for index, address in enumerate(take_blocks(books, number)):
        if (number + index) % 7 == 0:
            handed_on.put(address)
        elif (number + index) % 3 == 0:
            release(books, address)
    reallocate(books, number)
    map_and_unmap(books, number)
    if number % 10 == 0:
        fail(books, number)
    if number % 50 == 0:
        run_threads(books, number)


def grow_arena_table():
    """CPython's table of pymalloc arenas grows by realloc at whatever line needs the next arena
    (obmalloc.c, new_arena): here once, so that no known line gets a block that it did not ask for."""
    return len([bytes(400) for _ in range(150_000)])  # 65 MB of pymalloc


def main():
    grow_arena_table()
    books = Books()
    handed_on = queue.Queue()
    freer = threading.Thread(target=free_for_others, args=(books, handed_on))
    freer.start()
    done = 0
    for number in operations(parse_arguments(__doc__, ops=1000, rate=0.0)):
        one_round(books, number, handed_on)
        done += 1
    handed_on.put(None)
    freer.join()
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
