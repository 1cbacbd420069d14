# SPDX-License-Identifier: Apache-2.0
"""explain PID of processes that were not prepared: malloc, stacks, allocators, trees."""

import contextlib
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cli"))
from memory_cgroup import MemoryCgroup  # noqa: E402
from memwhy_program import memwhy, require_built  # noqa: E402

TARGET = ROOT / "tests" / "targets" / "malloc_known.py"
MIB = 1 << 20
PYTHON = "/usr/bin/python3"


@pytest.fixture(autouse=True)
def built():
    require_built()


@contextlib.contextmanager
def running(*arguments, **options):
    process = subprocess.Popen([PYTHON, *map(str, arguments)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, **options)
    try:
        process.first_line = process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def explain(pid, *options):
    done = memwhy("explain", pid, "--json", *options)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    for ledger in document["ledgers"]:
        assert ledger["total"] == sum(s["bytes"] for s in ledger["shares"]) + ledger["unattributed"]
    return document


def shares_of(document, account="rss"):
    (ledger,) = [each for each in document["ledgers"] if each["account"] == account]
    return {share["name"]: share["bytes"] for share in ledger["shares"]}, ledger




@pytest.mark.parametrize("kind", ["holes", "threads"])
def test_malloc_in_use_free_and_what_trim_returns(kind):
    with running(TARGET, kind) as process:
        truth = json.loads(process.first_line)
        shares, ledger = shares_of(explain(process.pid))
        free = (shares.get("malloc free, kept in arenas", 0) +
                shares.get("malloc free, kept by threads", 0) +
                shares.get("malloc free, top of heaps", 0))
        near = max(MIB, 0.02 * truth["arena"])
        # Fast bins and tcache count as in use there; tops may be untouched, so not resident.
        assert abs(shares["malloc in use"] - truth["in_use"]) <= near
        assert free <= truth["free"] + near and free >= 0.8 * truth["free"]
        assert shares.get("malloc heaps, not walked", 0) <= near
        predicted = re.search(r"malloc_trim\(0\) would return about ([\d.]+) MiB", ledger["note"])
        assert predicted, ledger["note"]
        process.stdin.write("trim\n")
        process.stdin.flush()
        trimmed = json.loads(process.stdout.readline())
        returned = trimmed["before"] - trimmed["after"]
        assert abs(float(predicted.group(1)) * MIB - returned) <= max(MIB, 0.1 * returned)


def test_the_target_is_neither_traced_nor_stopped():
    with running(TARGET, "holes") as process:
        watcher = subprocess.Popen([PYTHON, "-c", textwrap.dedent("""
            import re, sys
            states = set()
            print("ready", flush=True)
            while True:
                try:
                    text = open(f"/proc/{sys.argv[1]}/status").read()
                except OSError:
                    break
                tracer = re.search(r"TracerPid:\\s*(\\d+)", text).group(1)
                state = re.search(r"State:\\s*(\\w)", text).group(1)
                if state == "Z":
                    break
                states.add((state in "tT", tracer))
            print(sorted(states))
            """), str(process.pid)], stdout=subprocess.PIPE, text=True)
        watcher.stdout.readline()
        for _ in range(3):
            explain(process.pid)
        process.kill()
        process.wait()
        assert watcher.communicate(timeout=60)[0].strip() == "[(False, '0')]"


def test_thread_stacks_are_found():
    with running("-c", textwrap.dedent("""
            import threading, time
            def deep(n):
                if n == 0:
                    ready.wait()
                    time.sleep(600)
                else:
                    deep(n - 1)
            ready = threading.Barrier(9)
            threading.stack_size(16 << 20)
            for _ in range(8):
                threading.Thread(target=deep, args=(100,), daemon=True).start()
            ready.wait()
            print("ready", flush=True)
            time.sleep(600)
            """)) as process:
        shares, _ = shares_of(explain(process.pid))
        # The kernel's own numbers of the mappings that have this size, and of the main stack.
        smaps = Path(f"/proc/{process.pid}/smaps").read_text()
        truth = [int(rss) * 1024 for size, rss in
                 re.findall(r"\nSize: +(\d+) kB\n(?:.*\n){2}Rss: +(\d+) kB", smaps)
                 if size == "16384"]
        truth.append(int(re.search(r"\[stack\]\n(?:.*\n){3}Rss: +(\d+) kB", smaps).group(1)) * 1024)
        assert len(truth) == 9
        assert shares["thread stacks"] == pytest.approx(sum(truth), abs=65536)


@pytest.mark.parametrize("library,name", [("libjemalloc.so.2", "jemalloc"),
                                          ("libtcmalloc_minimal.so.4", "tcmalloc"),
                                          ("libmimalloc.so.2.0", "mimalloc")])
def test_a_preloaded_allocator_is_named(library, name):
    path = Path("/usr/lib/x86_64-linux-gnu") / library
    if not path.exists():
        pytest.skip(f"{library} is not installed")
    environment = dict(os.environ, LD_PRELOAD=str(path))
    with running("-c", "b = [bytes(5000) for _ in range(8000)]; print('ready', flush=True); input()",
                 env=environment) as process:
        shares, _ = shares_of(explain(process.pid))
        assert shares[f"{name}, or mapped by the program"] >= 38 * MIB
        assert "anonymous, not recorded" not in shares


def test_pymalloc_and_mapped_blocks_are_told_apart():
    """Against what sys._debugmallocstats prints, and a block of known size."""
    with running("-c", textwrap.dedent("""
            import sys
            kept = [(i, str(i) * 3) for i in range(300_000)]
            kept = kept[::2]
            big = bytearray(b"x" * (48 << 20))
            print("ready", flush=True)
            input()
            sys._debugmallocstats()
            """), stderr=subprocess.PIPE) as process:
        shares, _ = shares_of(explain(process.pid))
        _, stats = process.communicate("\n", timeout=60)
    def number(pattern):
        return int(re.search(pattern, stats).group(1).replace(",", ""))
    in_use = number(r"# bytes in allocated blocks += +([\d,]+)")
    assert shares["pymalloc in use"] == pytest.approx(in_use, rel=0.02)
    free = number(r"# bytes in available blocks += +([\d,]+)")
    assert shares["pymalloc free in arenas"] >= 0.9 * free
    assert shares["malloc mapped blocks"] == pytest.approx(48 * MIB, abs=4 * MIB)


FORKING = """
import os, sys, time
big = bytearray(b"x" * (64 << 20))
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        own = bytearray(b"y" * (16 << 20))
        os.write(1, b"child\\n")
        time.sleep(600)
    children.append(pid)
time.sleep(600)
"""


def test_a_tree_fits_what_its_cgroup_is_charged():
    try:
        group = MemoryCgroup(512 * MIB)
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made: {error}")
    with group:
        process = subprocess.Popen(
            ["sh", "-c", f'echo $$ > {group.procs} && exec {PYTHON} -c "$1"', "sh", FORKING],
            stdout=subprocess.PIPE, text=True)
        try:
            for _ in range(3):
                assert process.stdout.readline() == "child\n"
            document = explain(process.pid, "--tree")
        finally:
            process.kill()
            process.wait()
    members = document["processes"]
    assert members[0]["pid"] == process.pid and len(members) == 4
    assert {member["parent"] for member in members[1:]} == {process.pid}
    # rss counts the 64 MiB four times, pss once.
    assert sum(member["rss"] for member in members) > 300 * MIB
    pss = sum(member["pss_anon"] for member in members)
    assert 112 * MIB <= pss <= 140 * MIB
    shares, ledger = shares_of(document, "cgroup")
    assert document["cgroup"] == str(group.path)
    assert abs(ledger["unattributed"]) <= max(MIB, 0.01 * ledger["total"]), ledger
    assert sum(bytes for name, bytes in shares.items() if name.startswith("anonymous memory of")) \
        == pytest.approx(pss, abs=MIB)


def test_a_tree_as_text_fits_the_terminal():
    with running("-c", "print('ready', flush=True); input()") as process:
        done = memwhy("explain", process.pid, "--tree")
        assert done.returncode == 0, done.stderr
        assert all(len(line) <= 80 for line in done.stdout.splitlines())
        assert "pss" in done.stdout and "python3 -c" in done.stdout
