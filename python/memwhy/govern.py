# SPDX-License-Identifier: Apache-2.0
"""A pool of KV blocks with tenants, for inference engines and for what stands before them.

    pool = BlockPool(10240, 2 << 20)
    pool.add_tenant(Tenant("prod", quota_bytes=int(12.8 * 2**30), max_requests=48))
    blocks = pool.alloc(100, tenant="prod")
    pool.free(blocks)

The pool hands out numbers of blocks; the memory itself belongs to the engine, or to a slab that the
pool reserves (`slab="host"` or `"pinned"`). docs/govern.md of the project says what the operations
mean. The work is done by a compiled module, one file for every CPython from 3.8 on; importing
`memwhy` does not load it.

Threads: any, each call holds the GIL. A child of fork must make its own pool.
"""

import importlib.machinery
import importlib.util
import json
import os
from pathlib import Path

from ._admission import AdmissionMiddleware, Gate, Ticket
from ._cap import CapMiddleware, ConcurrencyCap
from ._command import source_tree

__all__ = ["AdmissionMiddleware", "BlockPool", "CapMiddleware", "ConcurrencyCap", "Gate", "Misuse",
           "PoolError", "PoolExhausted", "QuotaExceeded", "Refused", "Tenant", "Ticket"]

MODULE_NAME = "_memwhy_govern"
MODULE_FILE = MODULE_NAME + ".abi3.so"
ABI_VERSION = 1
MAX_COUNT = (1 << 64) - 1
SLABS = {None: 0, "host": 1, "pinned": 2}
EVENTS = ("cached", "uncached", "mark", "give_back", "resized")


class PoolError(Exception):
    """An operation that did not happen, and changed nothing. `status` is its name."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status


class PoolExhausted(PoolError):
    """Not enough blocks now (pool_exhausted), or they are lent and asked back (lent_out)."""


class QuotaExceeded(PoolError):
    """More than the tenant may hold (quota_exceeded), or than it may borrow (owes_blocks)."""


class Refused(PoolError):
    """No new request for this tenant now: too_many_requests, at_hard_mark of a pool; queue_full,
    deadline, too_large of a gate, which says in `retry_after` after how many seconds to ask again
    (None: never)."""

    retry_after = None


class Misuse(PoolError, ValueError):
    """A mistake of the caller: a block that is free, foreign or given twice, a wrong argument."""


_CLASSES = {1: PoolExhausted, 2: QuotaExceeded, 3: PoolExhausted, 4: QuotaExceeded, 5: Refused,
            6: Refused}
_OUT_OF_MEMORY = 19
_PAGE_FAILED = 26


def _load():
    """The compiled module; ImportError says where it was looked for."""
    package = Path(__file__).resolve().parent
    chosen = os.environ.get("MEMWHY_GOVERN_MODULE")
    if chosen:
        candidates = [Path(chosen)]
    else:
        candidates = [package / "lib" / MODULE_FILE]
        tree = source_tree(package)
        if tree is not None:
            candidates.append(tree / "build" / "release" / "lib" / MODULE_FILE)
    for candidate in candidates:
        if candidate.is_file():
            loader = importlib.machinery.ExtensionFileLoader(MODULE_NAME, str(candidate))
            spec = importlib.util.spec_from_loader(MODULE_NAME, loader)
            module = importlib.util.module_from_spec(spec)
            loader.exec_module(module)
            if module.ABI_VERSION != ABI_VERSION:
                raise ImportError(
                    f"{candidate} speaks version {module.ABI_VERSION} of the interface, this "
                    f"package version {ABI_VERSION}: install both from one release")
            return module
    raise ImportError(
        f"memwhy.govern needs {MODULE_FILE}; looked at {', '.join(map(str, candidates))}. Build it "
        "in the source tree (cmake --build --preset release --target govern_libraries), or set "
        "MEMWHY_GOVERN_MODULE to its path")


_native = _load()


def _error(status):
    name, text = _native.status_words(status)
    if status == _OUT_OF_MEMORY:
        return MemoryError(f"{name}: {text}")
    if status == _PAGE_FAILED:
        return OSError(f"{name}: {text}")
    return _CLASSES.get(status, Misuse)(name, text)


_native.set_error_maker(_error)


def _count(value, name):
    """An int from 0 to 2**64 - 1, or an exception that names the argument."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} is an int, not {type(value).__name__}")
    value = value.__index__()
    if not 0 <= value <= MAX_COUNT:
        raise ValueError(f"{name} is from 0 to 2**64 - 1, not {value}")
    return value


class Tenant:
    """Limits of one tenant.

    quota_bytes is kept for it (whole blocks of it; quota_blocks instead counts blocks). It may hold
    `borrow_bytes` more while nobody keeps them (None: all). From `soft` of what it may hold on, it
    is at its soft mark; from `hard` on, it gets no new request. `lends`: others may borrow what it
    does not use. max_requests None: any number at once.
    """

    def __init__(self, name, quota_bytes=None, max_requests=None, soft=0.85, hard=0.92, *,
                 quota_blocks=None, borrow_bytes=0, borrow_blocks=None, lends=False):
        if (quota_bytes is None) == (quota_blocks is None):
            raise ValueError("a tenant has quota_bytes or quota_blocks")
        self.name = name
        self.quota_bytes = None if quota_bytes is None else _count(quota_bytes, "quota_bytes")
        self.quota_blocks = None if quota_blocks is None else _count(quota_blocks, "quota_blocks")
        self.borrow_bytes = None if borrow_bytes is None else _count(borrow_bytes, "borrow_bytes")
        self.borrow_blocks = None if borrow_blocks is None else _count(borrow_blocks,
                                                                       "borrow_blocks")
        self.max_requests = None if max_requests is None else _count(max_requests, "max_requests")
        if self.max_requests == 0:
            raise ValueError("max_requests is at least 1, or None for any number")
        self.soft = float(soft)
        self.hard = float(hard)
        self.lends = bool(lends)

    def __repr__(self):
        quota = (f"quota_bytes={self.quota_bytes}" if self.quota_blocks is None
                 else f"quota_blocks={self.quota_blocks}")
        return f"Tenant({self.name!r}, {quota})"


class BlockPool(_native.Pool):
    """`blocks` equal blocks of `block_bytes` each.

    slab: None (numbers only), "host" (memory that is reserved here and takes pages on touch),
    "pinned" (locked in RAM), or an int, the address of memory of the caller's, for example of a
    device. `max_blocks` is what resize() may reach. `events`: how many events are kept for
    take_events(). `salt`: 16 bytes for hash_tokens(); None makes it random.

    Methods of the compiled part: alloc(n, tenant=None, reservation=None) -> list; alloc_packed(the
    same) -> bytes of int32, as numpy.frombuffer reads them; free(blocks); touch(blocks);
    can_alloc(n, tenant=None) -> bool; cache(blocks, hashes, tenant=None) -> how many are new;
    match_prefix(hashes, tenant=None, hold=False) -> list; hash_tokens(tokens, previous=None,
    tenant=None) -> bytes; fork(blocks) -> list; write(block) -> int; take_copies() ->
    [(from, to)]; set_priority(blocks, 0..3); reset_prefixes() -> int; reserve(n, tenant=None) ->
    int; cancel(reservation); begin_request(tenant); end_request(tenant); resize(blocks);
    address(block) -> int; references(block) -> int; publish(path); verify(). Blocks are ints, or
    packed as alloc_packed gives them; hashes are bytes (8 or more, 16 are used) or ints.
    """

    def __init__(self, blocks, block_bytes=0, *, slab=None, max_blocks=0, events=0, salt=None):
        base = 0
        if isinstance(slab, int) and not isinstance(slab, bool):
            kind, base = 3, _count(slab, "slab")
        elif slab in SLABS:
            kind = SLABS[slab]
        else:
            raise ValueError(f"slab is None, 'host', 'pinned' or an address, not {slab!r}")
        if salt is None:
            words = (0, 0)
        elif isinstance(salt, bytes) and len(salt) == 16 and any(salt):
            words = (int.from_bytes(salt[:8], "little"), int.from_bytes(salt[8:], "little"))
        else:
            raise ValueError("salt is 16 bytes, not all of them 0")
        self.block_bytes = _count(block_bytes, "block_bytes")
        super().__init__(_count(blocks, "blocks"), _count(max_blocks, "max_blocks"),
                         self.block_bytes, kind, base, _count(events, "events"), *words)
        self._names = ["default"]

    def add_tenant(self, tenant):
        """Adds a Tenant, or gives one of its name the new limits. Returns its number."""
        quota = self._blocks(tenant.quota_bytes, tenant.quota_blocks)
        borrow = self._blocks(tenant.borrow_bytes, tenant.borrow_blocks)
        number = self.set_tenant((tenant, tenant.name), tenant.name, quota, borrow,
                                 tenant.max_requests or 0, tenant.soft, tenant.hard, tenant.lends)
        if number == len(self._names):
            self._names.append(tenant.name)
        return number

    def _blocks(self, size, blocks):
        if blocks is not None:
            return blocks
        if size is None:
            return MAX_COUNT
        if size == 0:
            return 0
        if self.block_bytes == 0:
            raise ValueError("a quota in bytes needs a pool with block_bytes")
        return size // self.block_bytes

    def stats(self):
        """The pool at one instant: a dict as in memwhy.govern.show/1 (docs/formats/govern.md)."""
        return json.loads(self.to_json())

    def events(self):
        """What happened since the last call, oldest first: a list of dicts."""
        return [
            {"event": EVENTS[kind], "tenant": self._names[tenant],
             "block": None if block < 0 else block,
             "hash": digest if kind < 2 else None, "value": None if kind < 2 else value,
             "time_ns": time_ns}
            for kind, block, tenant, digest, value, time_ns in self.take_events()]
