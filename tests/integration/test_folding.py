# SPDX-License-Identifier: Apache-2.0
"""Sessions that stay small: --aggregate, --keep and --max-size keep every sum to the byte."""

import json
import signal
import subprocess
import sys
import time

import pytest
from conftest import FULL, TARGETS, clean_environment, stats_of, wait_for

OPS = 20_000
MODES = [("--max-size", "1M"), ("--aggregate", "--keep", "1s")]
if FULL:
    MODES += [("--aggregate",), ("--keep", "2s")]
COUNTS = ("allocated", "released", "live")
# Takes and gives back as fast as it can, and keeps one block of each round.
CHURN = """
import ctypes, sys, time
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def leak():
    return libc.malloc(4321)
end = time.monotonic() + float(sys.argv[1])
rounds = 0
while time.monotonic() < end:
    blocks = [libc.malloc(100 + i) for i in range(2000)]
    leak()
    rounds += 1
    for block in blocks:
        libc.free(block)
print(rounds, flush=True)
"""


def run(memwhy, session, options, program, timeout=120):
    done = subprocess.run(
        [memwhy, "run", *options, "-o", str(session), "--", sys.executable, *program],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("options", MODES, ids=lambda options: "".join(options))
def test_every_sum_is_kept_to_the_byte(memwhy, tmp_path, options):
    session = tmp_path / "s.mwy"
    program = [str(TARGETS / "exact_counts.py"), "--ops", str(OPS)]
    truth = json.loads(run(memwhy, session, options, program).stdout)
    stats = stats_of(memwhy, session)
    assert stats["session"]["folded"]["events"] > 100_000
    assert stats["session"]["folded"]["why"].split()[0] in options
    assert stats["session"]["damage"] is None
    for entry in truth["entries"]:
        place = entry["site"]
        sites = [
            site
            for site in stats["sites"]
            if site["allocator"] == entry["allocator"]
            and site["stack"]
            and (site["stack"][0]["file"], site["stack"][0]["line"])
            == (place["file"], place["line"])
        ]
        for what in COUNTS:
            for unit in ("bytes", "blocks"):
                found = sum(site[what][unit] for site in sites)
                assert found == entry[what][unit], (entry["allocator"], what, unit)
    for what in ("live", "allocated"):
        for unit in ("bytes", "blocks"):
            by_size = sum(row[what][unit] for row in stats["sizes"])
            assert by_size == stats["totals"][what][unit]


def leaks_of(stats):
    sites = [
        s for s in stats["sites"] if s["stack"] and s["stack"][0]["function"].endswith("leak")
    ]
    return [s for s in sites if s["allocator"] == "malloc"]


def test_the_session_does_not_grow_with_time(memwhy, tmp_path):
    sizes = {}
    for seconds in (3, 9):
        session = tmp_path / f"{seconds}.mwy"
        done = run(memwhy, session, ["--max-size", "1M"], ["-c", CHURN, str(seconds)])
        stats = stats_of(memwhy, session)
        rounds = int(done.stdout)
        live = leaks_of(stats)
        assert sum(site["live"]["bytes"] for site in live) == 4321 * rounds
        assert stats["totals"]["allocated"]["blocks"] > 2001 * rounds
        sizes[seconds] = sum(file.stat().st_size for file in session.iterdir())
    assert sizes[9] <= 1 << 20, sizes


def test_an_aggregated_session_can_be_explained(memwhy, tmp_path):
    session = tmp_path / "s.mwy"
    run(memwhy, session, ["--aggregate"], ["-c", CHURN, "7"])
    assert stats_of(memwhy, session)["session"]["folded"]["until"] > 1
    ledgers = json.loads(
        subprocess.run(
            [memwhy, "explain", "--json", str(session)], capture_output=True, check=True
        ).stdout
    )["ledgers"]
    shares = sum(share["bytes"] for share in ledgers[0]["shares"])
    assert shares + ledgers[0]["unattributed"] == ledgers[0]["total"] > 0


def test_a_killed_recorder_leaves_what_was_there(memwhy, tmp_path):
    session = tmp_path / "s.mwy"
    recorder = subprocess.Popen(
        [memwhy, "run", "--max-size", "1M", "-o", str(session), "--"]
        + [sys.executable, "-c", CHURN, "8"],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: (session / "blocks.mwy").exists(), what="the session")
        time.sleep(4)
        recorder.send_signal(signal.SIGKILL)
        rounds = int(recorder.communicate(timeout=60)[0])  # the program itself goes on to its end
    finally:
        recorder.kill()
    stats = stats_of(memwhy, session)
    assert stats["session"]["damage"] is None
    assert stats["session"]["ended"] == "recorder_lost"
    found = sum(site["live"]["blocks"] for site in leaks_of(stats))
    assert 0 < found <= rounds
    for site in stats["sites"]:
        live = site["allocated"]["bytes"] - site["released"]["bytes"]
        assert site["live"]["bytes"] == live


def test_a_folded_part_is_no_window(memwhy, tmp_path):
    session = tmp_path / "s.mwy"
    run(memwhy, session, ["--keep", "1s"], ["-c", CHURN, "6"])
    stats = json.loads(
        subprocess.run(
            [memwhy, "stats", "--json", "--from", "0.5", str(session)],
            capture_output=True,
            check=True,
        ).stdout
    )
    folded = stats["session"]["folded"]["until"]
    assert folded > 1
    assert stats["range"]["from"] == folded


@pytest.mark.parametrize(
    "options", [("--keep", "soon"), ("--keep", "0.1s"), ("--max-size", "10"), ("--max-size", "x")]
)
def test_what_makes_no_sense_is_refused_before_the_start(memwhy, tmp_path, options):
    done = subprocess.run(
        [memwhy, "run", *options, "-o", str(tmp_path / "s.mwy"), "--", sys.executable, "-c", "1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert options[0] in done.stderr
    assert not (tmp_path / "s.mwy").exists()
