# SPDX-License-Identifier: Apache-2.0
"""memwhy.govern: the pool as Python sees it, and its page as another process sees it."""

import ctypes
import gc
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import memwhy

PACKAGE_ROOT = Path(memwhy.__file__).resolve().parent.parent
TREE = Path(__file__).resolve().parent.parent.parent
MEMWHY = TREE / "build" / "release" / "bin" / "memwhy"
os.environ.setdefault("MEMWHY_GOVERN_MODULE",
                      str(TREE / "build" / "release" / "lib" / "_memwhy_govern.abi3.so"))

from memwhy import govern  # noqa: E402
from memwhy.govern import (BlockPool, Misuse, PoolExhausted, QuotaExceeded,  # noqa: E402
                           Refused, Tenant)


def test_blocks_come_and_go():
    pool = BlockPool(1000)
    blocks = pool.alloc(1000)
    assert sorted(blocks) == list(range(1000)) and pool.stats()["held"] == 1000
    with pytest.raises(PoolExhausted) as refused:
        pool.alloc(1)
    assert refused.value.status == "pool_exhausted"
    pool.free(blocks)
    assert pool.stats()["free"] == 1000 and pool.stats()["tenants"][0]["refused"] == 1
    pool.verify()


def test_packed_blocks_are_the_same_blocks():
    pool = BlockPool(50)
    packed = pool.alloc_packed(40, tenant=None)
    blocks = memoryview(packed).cast("i").tolist()
    assert sorted(blocks) == list(range(40)) and isinstance(packed, bytes)
    pool.free(blocks[:20])
    pool.free(packed[80:])
    with pytest.raises(Misuse):
        pool.free(packed)
    with pytest.raises(ValueError):
        pool.free(packed[:3])
    assert pool.stats()["held"] == 0 and pool.alloc_packed(0) == b""


@pytest.mark.parametrize("act, status", [
    (lambda pool, held: pool.free([held[0], held[0]]), "block_given_twice"),
    (lambda pool, held: pool.free([held[0], 15]), "block_is_free"),
    (lambda pool, held: pool.free([held[0], 16]), "foreign_block"),
    (lambda pool, held: pool.free([held[0], -1]), "foreign_block"),
    (lambda pool, held: pool.free([held[0], 1 << 70]), "foreign_block"),
    (lambda pool, held: pool.touch([15]), "block_is_free"),
    (lambda pool, held: pool.fork((15,)), "block_is_free"),
    (lambda pool, held: pool.write(15), "block_is_free"),
    (lambda pool, held: pool.alloc(-1), "bad_argument"),
    (lambda pool, held: pool.alloc(1, tenant="nobody"), "unknown_tenant"),
    (lambda pool, held: pool.alloc(1, 77), "unknown_tenant"),
    (lambda pool, held: pool.alloc(1, reservation=9), "unknown_reservation"),
    (lambda pool, held: pool.cache(held, [b"x" * 16]), "bad_argument"),
    (lambda pool, held: pool.resize(2), "resize_below_held"),
    (lambda pool, held: pool.resize(0), "bad_argument"),
    (lambda pool, held: pool.address(held[0]), "no_slab"),
    (lambda pool, held: pool.cancel(1), "unknown_reservation"),
    (lambda pool, held: pool.end_request("default"), "no_active_request"),
    (lambda pool, held: pool.set_priority(held, 9), "bad_argument"),
    (lambda pool, held: pool.add_tenant(Tenant("big", quota_blocks=17)), "quota_beyond_slab"),
    (lambda pool, held: pool.add_tenant(Tenant("a\n", quota_blocks=1)), "bad_argument"),
])
def test_misuse_is_named_and_changes_nothing(act, status):
    pool = BlockPool(16)
    held = pool.alloc(4)
    before = pool.stats()
    with pytest.raises(Misuse) as misuse:
        act(pool, held)
    assert isinstance(misuse.value, ValueError) and misuse.value.status == status
    pool.verify()
    assert {**pool.stats(), "wall_ns": 0} == {**before, "wall_ns": 0}
    pool.free(held)


def test_wrong_types_are_type_errors():
    pool = BlockPool(16)
    for act in (lambda: pool.free(["1"]), lambda: pool.free([1.0]), lambda: pool.free(3),
                lambda: pool.alloc("1"), lambda: pool.alloc(), lambda: pool.alloc(1, nobody=2),
                lambda: pool.alloc(1, None, None, 4), lambda: pool.match_prefix([1.5]),
                lambda: BlockPool("16"), lambda: BlockPool(True), lambda: pool.write("x")):
        with pytest.raises(TypeError):
            act()
    for act in (lambda: pool.match_prefix(b"x" * 15), lambda: pool.match_prefix([b"short"]),
                lambda: BlockPool(-1), lambda: BlockPool(0), lambda: BlockPool(16, slab="disk"),
                lambda: BlockPool(16, salt=b"x"), lambda: Tenant("a"), lambda: pool.__init__(1)):
        with pytest.raises((ValueError, RuntimeError)):
            act()
    govern._native.Pool.__new__(govern._native.Pool).__class__  # no pool inside: errors, no crash
    bare = govern._native.Pool.__new__(govern._native.Pool)
    with pytest.raises(Misuse):
        bare.alloc(1)
    with pytest.raises(Misuse):
        bare.alloc(1, "x")
    pool.verify()


def test_tenants_of_the_example():
    pool = BlockPool(10240, 2 << 20)
    prod = Tenant("prod", int(12.8 * 2**30), 48, hard=0.92)
    staging = Tenant("staging", int(3.2 * 2**30), 8, soft=0.8, hard=0.85)
    pool.add_tenant(prod)
    pool.add_tenant(staging)
    tenants = {tenant["name"]: tenant for tenant in pool.stats()["tenants"]}
    assert tenants["prod"]["quota"] == 6553 and tenants["staging"]["quota"] == 1638
    flood = []
    with pytest.raises(QuotaExceeded):
        while True:
            flood += pool.alloc(100, "staging")
    assert len(flood) == 1600
    with pytest.raises(Refused) as refused:
        pool.begin_request("staging")
    assert refused.value.status == "at_hard_mark"
    for _ in range(48):
        pool.begin_request(prod)
    with pytest.raises(Refused) as refused:
        pool.begin_request(prod)
    assert refused.value.status == "too_many_requests"
    assert len(pool.alloc(6553, prod)) == 6553
    pool.verify()


def test_prefixes_of_tokens():
    pool = BlockPool(64, salt=b"0123456789abcdef")
    pool.add_tenant(Tenant("a", quota_blocks=20))
    pool.add_tenant(Tenant("b", quota_blocks=20))

    def chain(tenant, tokens):
        hashes, previous = [], None
        for at in range(0, len(tokens), 16):
            previous = pool.hash_tokens(tokens[at:at + 16], previous, tenant)
            hashes.append(previous)
        return hashes

    prompt = list(range(160))
    blocks = pool.alloc(10, "a")
    assert pool.cache(blocks, chain("a", prompt), "a") == 10
    pool.free(blocks)
    other = prompt[:80] + [7] * 80
    assert pool.match_prefix(chain("a", other), "a", hold=True) == blocks[:5]
    assert pool.match_prefix(b"".join(chain("a", prompt)), tenant="a") == blocks
    assert pool.match_prefix(chain("a", prompt), "b") == []
    assert chain("a", prompt) != chain("b", prompt)
    again = BlockPool(1, salt=b"0123456789abcdef")
    assert again.hash_tokens([1, 2]) == pool.hash_tokens([1, 2])
    assert BlockPool(1).hash_tokens([1, 2]) != pool.hash_tokens([1, 2])


def test_a_fork_copies_on_write():
    pool = BlockPool(8, 4096, slab="host", events=16)
    mine = pool.alloc(2)
    ctypes.memset(pool.address(mine[1]), 65, 4096)
    assert pool.fork(mine) == mine and pool.references(mine[0]) == 2
    written = pool.write(mine[1])
    assert written not in mine and pool.take_copies() == [(mine[1], written)]
    assert pool.address(written) - pool.address(0) == 4096 * written
    assert ctypes.string_at(pool.address(mine[1]), 2) == b"AA"
    pool.cache(mine[:1], [b"h" * 16])
    assert pool.events()[-1]["event"] == "cached" and pool.events() == []


def test_reservations_and_sizes():
    pool = BlockPool(10, max_blocks=20)
    ticket = pool.reserve(8)
    with pytest.raises(PoolExhausted):
        pool.alloc(3)
    held = pool.alloc(5, reservation=ticket)
    pool.cancel(ticket)
    pool.resize(20)
    held += pool.alloc(15)
    with pytest.raises(Misuse):
        pool.resize(21)
    pool.free(held[:15])
    pool.resize(5)
    assert pool.stats()["blocks"] == 5 and pool.stats()["held"] == 5
    pool.verify()


def test_the_c_library_has_what_its_header_says():
    header = (TREE / "src" / "govern" / "abi" / "memwhy_govern.h").read_text()
    names = re.findall(r"^\w[^;{]*?\b(memwhy_(?:pool|govern)_\w+)\(", header, re.MULTILINE)
    assert len(names) > 25
    library = ctypes.CDLL(str(TREE / "build" / "release" / "lib" / "libmemwhy_govern.so"))
    assert [name for name in names if not hasattr(library, name)] == []
    library.memwhy_govern_status_name.restype = ctypes.c_char_p
    assert library.memwhy_govern_status_name(7) == b"block_is_free"
    assert library.memwhy_pool_free(None, None, 0) == 18


def test_threads_never_exceed_a_quota():
    pool = BlockPool(100)
    pool.add_tenant(Tenant("t", quota_blocks=40))
    faults = []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(300):
            try:
                blocks = pool.alloc(rng.randint(1, 8), "t")
            except QuotaExceeded:
                continue
            if pool.stats()["tenants"][1]["held"] > 40:
                faults.append(seed)
            pool.free(blocks)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    pool.verify()


WRITER = """
import sys
from memwhy.govern import BlockPool, Tenant
pool = BlockPool(100, 4096)
pool.add_tenant(Tenant("t", quota_blocks=60))
pool.publish(sys.argv[1])
print("ready", flush=True)
held = []
while True:  # at each instant: held by t == held in all, and free + held == 100
    held = pool.alloc(37, "t")
    pool.free(held)
"""


def show(*arguments):
    return subprocess.run([MEMWHY, "govern", "show", *map(str, arguments)], capture_output=True,
                          text=True, timeout=60)


def start_writer(page):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(page)], stdout=subprocess.PIPE,
                              env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}, text=True)
    assert writer.stdout.readline() == "ready\n"
    return writer


def end(writer):
    writer.kill()
    writer.wait()
    writer.stdout.close()


def whole(document):
    (pool,) = document["pools"]
    tenants = {tenant["name"]: tenant for tenant in pool["tenants"]}
    assert pool["free"] + pool["cached"] + pool["held"] == pool["blocks"] == 100
    assert tenants["t"]["held"] == pool["held"] and pool["held"] in (0, 37)
    assert pool["allocated_total"] - pool["released_total"] == pool["held"]
    return pool


# Each kill is a new process: few in every run, 1,000 with MEMWHY_FULL_TESTS=1.
def test_a_reader_never_sees_a_torn_page(tmp_path):
    kills = 1000 if os.environ.get("MEMWHY_FULL_TESTS") else 12
    page = tmp_path / "pool.mwkv"
    rng = random.Random(7)
    for _ in range(kills):
        writer = start_writer(page)
        try:
            pool = whole(json.loads(show("--json", page).stdout))
            assert pool["alive"] is True and pool["pid"] == writer.pid
            time.sleep(rng.random() * 0.01)
        finally:
            end(writer)
        pool = whole(json.loads(show("--json", page).stdout))
        assert pool["alive"] is False


def test_show_in_words_and_by_pid(tmp_path):
    page = tmp_path / "pool.mwkv"
    writer = start_writer(page)
    try:
        done = show(writer.pid)
        assert done.returncode == 0 and not done.stderr
        assert f"pool of process {writer.pid}" in done.stdout and "400 KiB" in done.stdout
        assert all(len(line) <= 80 for line in done.stdout.splitlines())
    finally:
        end(writer)
    assert "has ended" in show(page).stdout
    assert show(writer.pid).returncode == 3


def test_the_page_goes_with_the_pool_and_stays_out_of_children(tmp_path):
    page = tmp_path / "pool.mwkv"
    pool = BlockPool(10)
    pool.publish(page)
    child = os.fork()
    if child == 0:
        pool.alloc(3)
        del pool
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert json.loads(show("--json", page).stdout)["pools"][0]["held"] == 0
    assert page.stat().st_mode & 0o777 == 0o600
    pool.alloc(2)
    assert json.loads(show("--json", page).stdout)["pools"][0]["held"] == 2
    del pool
    assert not page.exists()
    with pytest.raises(OSError):
        BlockPool(1).publish(tmp_path / "missing" / "pool.mwkv")


def test_show_says_what_is_wrong(tmp_path):
    assert show().returncode == 2
    missing = show(tmp_path / "missing")
    assert missing.returncode == 2 and "missing" in missing.stderr
    page = tmp_path / "pool.mwkv"
    pool = BlockPool(10)
    pool.publish(page)
    good = page.read_bytes()
    bad = tmp_path / "bad"
    rng = random.Random(5)
    for _ in range(40):
        damaged = bytearray(good[:2000 if rng.random() < 0.3 else len(good)])
        for _ in range(8):
            damaged[rng.randrange(600)] = rng.randrange(256)
        bad.write_bytes(damaged)
        done = show("--json", bad)
        assert done.returncode in (0, 2), done
        assert done.returncode == 0 or "bad" in done.stderr
    bad.write_bytes(b"")
    assert "not the page of a pool" in show(bad).stderr
    os.mkfifo(tmp_path / "fifo")
    assert show(tmp_path / "fifo").returncode == 2


class CallsAtDeath:
    """Garbage that uses the same pool when the collector finds it."""

    def __init__(self, pool):
        self.pool = pool
        self.me = self

    def __del__(self):
        self.pool.free(self.pool.alloc_packed(3000))


def collect_within(call, turns=12):
    """Results of `call` while garbage that uses the pool dies at each of its first allocations."""
    thresholds = gc.get_threshold()
    results = []
    for turn in range(turns):
        gc.collect()
        gc.set_threshold(turn + 1)
        try:
            results.append(call())
        finally:
            gc.set_threshold(*thresholds)
    return results


def test_a_collection_within_a_call_may_use_the_pool():
    pool = BlockPool(10_000)
    hashes = [number.to_bytes(16, "little") for number in range(100)]

    def alloc():
        CallsAtDeath(pool)
        return pool.alloc(100)

    held = [block for blocks in collect_within(alloc) for block in blocks]
    assert len(set(held)) == len(held) and all(pool.references(block) == 1 for block in held)
    prefix = held[:100]

    def cache():
        CallsAtDeath(pool)
        return pool.cache((block for block in prefix), (value for value in hashes))

    assert sum(collect_within(cache)) == 100

    def match():
        CallsAtDeath(pool)
        return pool.match_prefix(value for value in hashes)

    assert all(blocks == prefix for blocks in collect_within(match))

    def fork():
        CallsAtDeath(pool)
        return pool.fork(block for block in prefix)

    assert all(blocks == prefix for blocks in collect_within(fork))
    assert {pool.references(block) for block in prefix} == {13}
    pool.verify()
