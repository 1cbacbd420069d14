# SPDX-License-Identifier: Apache-2.0
"""A CPython newer than what we know: runs unharmed, its allocations are counted without stacks."""

import json
import subprocess

import pytest
from conftest import FETCHED, Python, clean_environment, stats_of

TARGET = """if 1:
    import ctypes, os, sys, threading
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    held = []
    def take():
        for _ in range(50):
            held.append(libc.malloc(ctypes.c_size_t(2_000_001)))
    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(len(held), sys.version_info[:2], flush=True)
    sys.exit(7)
"""


@pytest.fixture
def newer():
    """A CPython of the first version that has no layout."""
    path = FETCHED / "3.15" / "usr/bin/python3.15"
    if not path.is_file():
        pytest.skip(f"no {path}: scripts/fetch_pythons 15 brings it")
    return Python(path)


def test_target_runs_and_is_counted_without_stacks(newer, memwhy, tmp_path, marked):
    session = tmp_path / "s.mwy"
    done = subprocess.run(
        [memwhy, "run", "-o", str(session), "--", newer.path, "-c", TARGET],
        env=clean_environment(**marked),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout == "100 (3, 15)\n"
    assert "does not know the structures of this version of CPython" in done.stderr
    assert "recorded without Python stacks" in done.stderr
    stats = stats_of(memwhy, session)
    assert stats["session"]["python"] == newer.version
    assert stats["session"]["complete"] and stats["session"]["lost_events"] == 0
    assert all(site["stack"] is None for site in stats["sites"])
    assert stats["totals"]["live"]["bytes"] >= 100 * 2_000_001
    assert stats["totals"]["live"]["blocks"] >= 100
    inspected = subprocess.run(
        [memwhy, "inspect", "--json", str(session)], capture_output=True, text=True, timeout=60
    )
    assert inspected.returncode == 0, inspected.stderr
    json.loads(inspected.stdout)


def test_doctor_says_what_is_left_out(newer, memwhy, tmp_path):
    (tmp_path / "python3").symlink_to(newer.path)
    done = subprocess.run(
        [memwhy, "doctor", "--json"],
        env={**clean_environment(), "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = [c for c in json.loads(done.stdout)["checks"] if newer.version in c["says"]]
    assert [check["state"] for check in found] == ["limited"], done.stdout
    assert "without Python stacks" in found[0]["advice"]
