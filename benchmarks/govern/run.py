# SPDX-License-Identifier: Apache-2.0
"""Times of the KV block pool: in C++, in Python, and in Python beside vLLM's own pool.

    PYTHON benchmarks/govern/run.py POOL_TIMES [--vllm WHEEL|FOLDER]

POOL_TIMES is the program that benchmarks/govern/run builds. WHEEL is vLLM's, as `pip download
--no-deps vllm==0.11.0` brings it, FOLDER what it unpacks to. Of it the unmodified
vllm/v1/core/block_pool.py and kv_cache_utils.py are imported; what they import of vLLM beyond that
(configuration, logging, metrics), which these operations do not call, is replaced by empty modules.
CPU time of the thread, the best of the rounds; both pools by turns. Exit code 0; 2 usage.
"""

import argparse
import ctypes
import gc
import importlib
import subprocess
import sys
import tempfile
import time
import types
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
FILES = ("vllm/v1/core/block_pool.py", "vllm/v1/core/kv_cache_utils.py")
BLOCKS = 100_000
BARS = {"evict_best": 60, "match_100": 5000, "quota_check": 20, "create_10240": 1e6}


class Anything(types.ModuleType):
    """A module that has every name: a class that can be subclassed and called."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {"__init__": lambda self, *a, **k: None,
                               "__getattr__": lambda self, name: lambda *a, **k: None})
        setattr(self, name, made)
        return made


def import_vllm(source, folder):
    """vLLM's block_pool and kv_cache_utils from a wheel or an unpacked one."""
    source = Path(source)
    if source.is_file():
        with zipfile.ZipFile(source) as wheel:
            for name in FILES:
                wheel.extract(name, folder)
        source = Path(folder)
    for name in ("vllm", "vllm.v1", "vllm.v1.core"):
        package = types.ModuleType(name)
        package.__path__ = [str(source / name.replace(".", "/"))]
        sys.modules[name] = package
    for _ in range(40):  # what is missing, one by one
        try:
            utils = importlib.import_module("vllm.v1.core.kv_cache_utils")
            pool = importlib.import_module("vllm.v1.core.block_pool")
            return pool, utils
        except ModuleNotFoundError as error:
            if not error.name.startswith("vllm."):
                raise
            stub = Anything(error.name)
            stub.__path__ = []
            sys.modules[error.name] = stub
            parent, _, last = error.name.rpartition(".")
            setattr(sys.modules[parent], last, stub)
        except ImportError as error:  # a name of the package itself: `from vllm import envs`
            name = getattr(error, "name", None)
            if name != "vllm":
                raise
            for last in ("envs",):
                stub = Anything("vllm." + last)
                sys.modules["vllm." + last] = stub
                setattr(sys.modules["vllm"], last, stub)
    raise ImportError("vLLM's modules need too much")


def best(act, rounds, units):
    """Nanoseconds of thread CPU time for a unit."""
    least = float("inf")
    for _ in range(rounds):
        began = time.thread_time_ns()
        act()
        least = min(least, time.thread_time_ns() - began)
    return least / units


def our_acts(count):
    from memwhy.govern import BlockPool
    pool = BlockPool(BLOCKS)
    repeats = max(1, 20_000 // count)

    def both():
        for _ in range(repeats):
            pool.free(pool.alloc(count))

    return both, repeats * count


def our_packed_acts(count):
    from memwhy.govern import BlockPool
    pool = BlockPool(BLOCKS)
    repeats = max(1, 20_000 // count)

    def both():
        for _ in range(repeats):
            pool.free(pool.alloc_packed(count))

    return both


class PoolOptions(ctypes.Structure):
    """memwhy_pool_options of src/govern/abi/memwhy_govern.h."""

    _fields_ = [("size", ctypes.c_uint32), ("slab", ctypes.c_int32), ("blocks", ctypes.c_uint64),
                ("max_blocks", ctypes.c_uint64), ("block_bytes", ctypes.c_uint64),
                ("external_base", ctypes.c_void_p), ("events", ctypes.c_uint64),
                ("salt", ctypes.c_uint64 * 2)]


def ctypes_acts(count):
    """The same pool with lists of int by the C interface and ctypes, the other way to bind it."""
    library = ctypes.PyDLL(str(ROOT / "build" / "release" / "lib" / "libmemwhy_govern.so"))
    options = PoolOptions(size=ctypes.sizeof(PoolOptions), blocks=BLOCKS)
    pool = ctypes.c_void_p()
    if library.memwhy_pool_create(ctypes.byref(options), ctypes.byref(pool)) != 0:
        sys.exit("run.py: the library made no pool")
    library.memwhy_pool_alloc.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64,
                                          ctypes.c_void_p, ctypes.c_size_t]
    library.memwhy_pool_free.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    array = ctypes.c_int32 * count
    repeats = max(1, 20_000 // count)

    def both():
        for _ in range(repeats):
            out = array()
            library.memwhy_pool_alloc(pool, 0, 0, out, count)
            blocks = list(out)
            library.memwhy_pool_free(pool, array(*blocks), count)

    return both


def vllm_acts(module, count):
    pool = module.BlockPool(BLOCKS, True, False)
    repeats = max(1, 20_000 // count)

    def both():
        for _ in range(repeats):
            pool.free_blocks(pool.get_new_blocks(count))

    return both, repeats * count


def our_match():
    from memwhy.govern import BlockPool
    pool = BlockPool(BLOCKS)
    hashes = [index.to_bytes(32, "big")[::-1] for index in range(1, 101)]
    blocks = pool.alloc(100)
    pool.cache(blocks, hashes)
    return lambda: [pool.match_prefix(hashes) for _ in range(100)], 100


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("pool_times")
    parser.add_argument("--vllm")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()

    print("C++, nanoseconds for a block (alloc, evict) or a call")
    for line in subprocess.run([options.pool_times], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        name, value = line.split()
        bar = f"   bar {BARS[name]:,.0f}" if name in BARS else ""
        print(f"  {name:<18}{float(value):>12,.1f}{bar}")

    gc.disable()
    act, units = our_match()
    print(f"\nPython, match_prefix of 100 hashes: {best(act, options.rounds, units) / 1000:.2f} us")
    print("\nPython, nanoseconds for a block: alloc and free of n")
    with tempfile.TemporaryDirectory() as folder:
        module = None
        if options.vllm:
            module, _ = import_vllm(options.vllm, folder)
        for count in (1, 10, 100, 1000):
            ours, units = our_acts(count)
            theirs = vllm_acts(module, count)[0] if module else None
            packed = our_packed_acts(count)
            bound = ctypes_acts(count)
            mine = other = packs = calls = float("inf")
            for _ in range(options.rounds):
                mine = min(mine, best(ours, 1, units))
                calls = min(calls, best(bound, 1, units))
                packs = min(packs, best(packed, 1, units))
                if theirs:
                    other = min(other, best(theirs, 1, units))
            print(f"  n = {count:<5} list {mine:>6.1f}  packed {packs:>6.1f}  "
                  f"ctypes {calls:>7.1f}" + (
                      f"  vLLM {other:>6.1f}  vLLM/list {other / mine:>4.1f}  "
                      f"vLLM/packed {other / packs:>4.1f}" if theirs else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
