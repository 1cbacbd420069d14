# SPDX-License-Identifier: Apache-2.0
"""What `stats --json` says of each entry point, to the byte and the block, on every CPython."""

import json
import subprocess

import pytest
from conftest import FULL, TARGETS, clean_environment, stats_of

OPS = 5000 if FULL else 600
COUNTS = ("allocated", "released", "live")


def sum_of(sites, what):
    return {unit: sum(site[what][unit] for site in sites) for unit in ("bytes", "blocks")}


@pytest.fixture(scope="module")
def recorded(memwhy, tmp_path_factory):
    """Records the target once per CPython; returns its truth and the stats."""
    done = {}

    def record(python):
        if python.path not in done:
            session = tmp_path_factory.mktemp("exact") / "s.mwy"
            program = str(TARGETS / "exact_counts.py")
            run = subprocess.run(
                [memwhy, "run", "-o", str(session), "--", python.path, program, "--ops", str(OPS)],
                env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
                capture_output=True,
                text=True,
                timeout=600,
            )
            assert run.returncode == 0, run.stderr
            done[python.path] = json.loads(run.stdout), stats_of(memwhy, session)
        return done[python.path]

    return record


def test_every_entry_point_to_the_byte(python, recorded):
    truth, stats = recorded(python)
    assert truth["operations"] == OPS
    differences = []
    for entry in truth["entries"]:
        place = entry["site"]
        sites = [s for s in stats["sites"] if s["allocator"] == entry["allocator"]]
        sites = [s for s in sites if s["stack"] and s["stack"][0]["line"] == place["line"]]
        sites = [s for s in sites if s["stack"][0]["file"] == place["file"]]
        assert {s["stack"][0]["function"] for s in sites} == {place["function"]}
        assert not any(s["truncated"] for s in sites)
        for what in COUNTS:
            if sum_of(sites, what) != entry[what]:
                differences.append((entry["allocator"], what, sum_of(sites, what), entry[what]))
    assert not differences, "\n".join(map(str, differences))


def is_of_an_arena(site):
    """A new arena may be due at any line; from 3.10 on with nodes of the arena map (obmalloc.c:
    calloc of 256 entries of 8 bytes, and of 1024 pointers), where its address has none yet."""
    if site["allocator"] == "pymalloc_arena":
        return True
    amount = site["allocated"]
    sizes = {2048 * amount["blocks"], 8192 * amount["blocks"], 2048 + 8192}
    return site["allocator"] == "calloc" and amount["bytes"] in sizes


def test_no_other_allocator_at_a_known_line(python, recorded):
    truth, stats = recorded(python)
    known = {(e["site"]["file"], e["site"]["line"]): e["allocator"] for e in truth["entries"]}
    # ctypes takes small blocks of its own for a call, by malloc at the most.
    for site in stats["sites"]:
        if not site["stack"]:
            continue
        leaf = site["stack"][0]
        expected = known.get((leaf["file"], leaf["line"]))
        if expected is not None:
            if is_of_an_arena(site):
                continue
            assert site["allocator"] == expected, site


def test_the_session_is_whole(python, recorded):
    _, stats = recorded(python)
    assert stats["schema"] == "memwhy.stats/1"
    assert stats["session"]["ended"] == "exit:0"
    assert [p["ended"] for p in stats["processes"]] == ["exit:0"]
    assert stats["session"].get("lost_events", 0) == 0


def test_totals_are_the_sums_of_the_sites(python, recorded):
    _, stats = recorded(python)
    for what in ("allocated", "released", "live", "temporary"):
        assert stats["totals"][what] == sum_of(stats["sites"], what), what
    for site in stats["sites"]:  # nothing is inherited here
        for unit in ("bytes", "blocks"):
            assert site["live"][unit] == site["allocated"][unit] - site["released"][unit], site


def test_the_peak_is_the_sum_at_the_peak(python, recorded):
    _, stats = recorded(python)
    peak = stats["totals"]["peak"]
    assert sum_of(stats["sites"], "at_peak")["bytes"] == peak["bytes"]
    assert peak["bytes"] >= stats["totals"]["live"]["bytes"]
