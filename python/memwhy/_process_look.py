# SPDX-License-Identifier: Apache-2.0
"""What this process holds now: objects by type, blocks, malloc, mappings, descriptors, threads.

For tests that compare two instants (pytest_plugin). A look leaves nothing behind that a later one
would see: its counts by type go to a file in memory.
"""

import ctypes
import gc
import json
import os
import sys
import tempfile
import threading

from memwhy._safe_look import mro_of

_MODULE = type.__dict__["__module__"].__get__
_QUALNAME = type.__dict__["__qualname__"].__get__
NUMBERS = ("blocks", "malloc", "mapped", "descriptors", "threads")
_CACHED_SIZES = range(24, 1040, 16)  # bytes of the blocks that glibc keeps free for a thread
_CACHED_EACH = 16  # as many of a size as any glibc keeps (7, since 2.42: 16)


def type_name(kind):
    """`module.QualName` of a class, builtins without module; runs no code of the class."""
    try:
        module = _MODULE(kind)
    except AttributeError:
        module = None
    name = _QUALNAME(kind)
    name = name if type(name) is str else "?"
    return name if type(module) is not str or module == "builtins" else f"{module}.{name}"


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                 "uordblks", "fordblks", "keepcost")]


def _find_libc():
    try:
        libc = ctypes.CDLL(None)
        libc.mallinfo2.restype = _Mallinfo2
        libc.mallinfo2.argtypes = []
    except (OSError, AttributeError, TypeError):
        return None  # glibc before 2.33, or another libc
    libc.malloc_trim.argtypes = [ctypes.c_size_t]
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    libc.free.restype = None
    return libc


_libc = _find_libc()


def malloc_in_use():
    """Bytes that malloc has handed out and not got back, or None where the libc does not say."""
    if _libc is None:
        return None
    _fill_thread_cache()
    info = _libc.mallinfo2()
    return info.uordblks + info.hblkhd


def _fill_thread_cache():
    """Makes what glibc keeps free for this thread, and counts as handed out, the same each time."""
    blocks = [_libc.malloc(size) for size in _CACHED_SIZES for _ in range(_CACHED_EACH)]
    for block in blocks:
        _libc.free(block)


def mapped():
    """Bytes of private writable mappings, with a page or without (VmData)."""
    return _status(b"VmData:")


def trim():
    """Gives free memory of malloc back, so that rss tells what is used."""
    if _libc is not None:
        _libc.malloc_trim(0)


def descriptors():
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return None


def rss():
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def reset_peak():
    """Sets VmHWM to the rss of now; False where the kernel does not allow it."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return False
    return True


def peak_rss():
    return _status(b"VmHWM:")


def _status(field):
    with open("/proc/self/status", "rb") as file:
        for line in file:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return None


class Looks:
    """A sequence of looks, kept outside of the heap."""

    def __init__(self):
        try:
            self._file = os.memfd_create("memwhy-looks")
        except (AttributeError, OSError):
            with tempfile.TemporaryFile() as file:
                self._file = os.dup(file.fileno())

    def take(self):
        """Collects garbage, then looks."""
        gc.collect()
        # The numbers first: what the counts below take is not seen by them.
        numbers = [sys.getallocatedblocks(), malloc_in_use(), mapped(), descriptors(),
                   threading.active_count()]
        counts = {}
        for kind in map(type, gc.get_objects()):
            counts[kind] = counts.get(kind, 0) + 1
        types = {}
        for kind, count in counts.items():
            name = type_name(kind)
            types[name] = types.get(name, 0) + count
        text = json.dumps({"numbers": numbers, "types": types}).encode() + b"\n"
        while text:
            text = text[os.write(self._file, text):]

    def read(self):
        """All looks as [({name: number}, {type: count})], and closes the file."""
        os.lseek(self._file, 0, os.SEEK_SET)
        with os.fdopen(self._file, "rb") as file:
            looks = [json.loads(line) for line in file]
        return [(dict(zip(NUMBERS, look["numbers"])), look["types"]) for look in looks]


def count_tensors():
    """Number of live torch tensors that the collector knows; None without torch."""
    torch = sys.modules.get("torch")
    tensor = getattr(torch, "Tensor", None)
    if tensor is None:
        return None
    is_tensor = {}
    count = 0
    for kind in map(type, gc.get_objects()):
        known = is_tensor.get(kind)
        if known is None:
            known = is_tensor[kind] = any(entry is tensor for entry in mro_of(kind))
        count += known
    return count
