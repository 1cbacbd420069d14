# SPDX-License-Identifier: Apache-2.0
"""Objects with native memory behind them, and containers whose tables are blocks of malloc."""

import array
import collections
import ctypes
import json
import mmap
import os
import sys
import zlib

PACKERS = {"a": [zlib.compressobj(9) for _ in range(20)]}


class Tables:
    pass


TABLES = Tables()
TABLES.many = {i: None for i in range(20000)}
TABLES.few = list(range(20000))
TABLES.queue = collections.deque(range(20000))
TABLES.unique = set(range(20000))
TABLES.bytes = bytearray(300000)
TABLES.array = array.array("d", range(20000))

# Addresses without memory, as CUDA reserves them for its devices.
PROT_NONE = 0
reserve = ctypes.CDLL(None).mmap
reserve.restype = ctypes.c_void_p
reserve.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_ssize_t]
reserved = reserve(None, 1 << 30, PROT_NONE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
POINTERS = [ctypes.c_void_p(reserved + 64 * i) for i in range(20)]

print(json.dumps({"pid": os.getpid(), "packers": len(PACKERS["a"])}), flush=True)
sys.stdin.read()
