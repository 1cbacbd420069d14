# SPDX-License-Identifier: Apache-2.0
"""Kinds of memory that a clone treats differently; each keeps what it makes until the process ends."""

import ctypes
import mmap
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scale"))
import records  # noqa: E402

PAGE, MIB = 4096, 1 << 20
KEPT = []
REWRITTEN = []  # (mapping, step in bytes)
MADV_NOHUGEPAGE, MADV_HUGEPAGE = 15, 14
SYS_IO_URING_SETUP, SYS_IO_URING_REGISTER, IORING_REGISTER_BUFFERS = 425, 427, 0


def make_objects(count):
    """Small objects, `count` of them."""
    records.build(int(count))


def make_blocks(mib):
    """Blocks of malloc of 4000 bytes."""
    KEPT.append([bytes(4000) for _ in range(int(mib) * MIB // 4048)])


def make_pages(mib, advice=MADV_NOHUGEPAGE):
    """One mapping of pages that are all there."""
    memory = mmap.mmap(-1, int(mib) * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(advice)
    write(memory, PAGE)
    REWRITTEN.append((memory, PAGE))
    return memory


def make_huge(mib):
    make_pages(mib, MADV_HUGEPAGE)


def make_sparse(tables):
    """One page in each 2 MiB."""
    memory = mmap.mmap(-1, int(tables) * 2 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(MADV_NOHUGEPAGE)
    write(memory, 2 * MIB)
    REWRITTEN.append((memory, 2 * MIB))


def make_mappings(count):
    """Small mappings that the kernel cannot join: every other one must not be written."""
    libc = ctypes.CDLL(None, use_errno=True)
    memory = mmap.mmap(-1, int(count) * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(MADV_NOHUGEPAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for i in range(1, int(count), 2):
        if libc.mprotect(ctypes.c_void_p(address + i * PAGE), PAGE, mmap.PROT_READ) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    write(memory, 2 * PAGE)
    REWRITTEN.append((memory, 2 * PAGE))


def make_torch(mib):
    """torch with its libraries, and one tensor."""
    import torch

    KEPT.append((torch, torch.ones(int(mib) * MIB // 4)))


def make_pinned(mib):
    """Pages that the kernel has pinned for io_uring, as device drivers pin them."""
    libc = ctypes.CDLL(None, use_errno=True)
    ring = libc.syscall(SYS_IO_URING_SETUP, 4, ctypes.create_string_buffer(120))
    if ring < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")
    left = int(mib)
    vectors = []
    while left > 0:  # a buffer is at most 1 GiB
        part = min(left, 1024)
        memory = make_pages(part)
        vectors += [ctypes.addressof(ctypes.c_char.from_buffer(memory)), part * MIB]
        left -= part
    array = (ctypes.c_size_t * len(vectors))(*vectors)
    if libc.syscall(SYS_IO_URING_REGISTER, ring, IORING_REGISTER_BUFFERS, array, len(vectors) // 2):
        raise OSError(ctypes.get_errno(), "io_uring_register")


def make_registered(mib):
    """Pages that CUDA's driver has pinned; the kernel does not count them. Needs a GPU and torch."""
    import torch

    memory = torch.ones(int(mib) * MIB, dtype=torch.uint8)
    error = torch.cuda.cudart().cudaHostRegister(memory.data_ptr(), memory.nbytes, 0)
    if int(error) != 0:
        raise OSError(f"cudaHostRegister: {error}")
    KEPT.append(memory)


def write(memory, step):
    for at in range(0, len(memory), step):
        memory[at] = 1


def rewrite():
    """Writes all mappings again, as a service does between two dumps."""
    for memory, step in REWRITTEN:
        write(memory, step)


def make_busy(threads):
    """No memory: threads that run Python code all the time."""

    def compute():
        number = 0
        while True:
            number = (number * 31 + 7) % 1_000_003

    for _ in range(int(threads)):
        threading.Thread(target=compute, daemon=True).start()


MAKERS = {name[5:]: make for name, make in list(globals().items()) if name.startswith("make_")}
