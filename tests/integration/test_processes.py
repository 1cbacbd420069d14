# SPDX-License-Identifier: Apache-2.0
"""The processes of a recording: each its own part of one session, one combined picture, exact."""

import json
import subprocess

import pytest
from conftest import FULL, TARGETS, clean_environment, find_pythons
from known_processes import KnownProcesses

PROGRAM = str(TARGETS / "process_tree.py")


@pytest.fixture
def record(memwhy, python, tmp_path, marked):
    """Records one way of process_tree.py."""

    def record(way, *options, code=0):
        session, notes = tmp_path / "s.mwy", tmp_path / "notes"
        command = [python.path, PROGRAM, way, str(notes)]
        done = subprocess.run(
            [memwhy, "run", *options, "-o", str(session), "--", *command],
            env=clean_environment(PYTHONDONTWRITEBYTECODE="1", **marked),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        recorded = KnownProcesses(memwhy, session, notes)
        recorded.stdout = done.stdout
        return recorded

    return record


@pytest.fixture
def few(python):
    """For what does not depend on the interpreter: the oldest and the newest will do."""
    minors = sorted((int(p.minor[2:]) for p in find_pythons()[0]))
    if not FULL and int(python.minor[2:]) not in (minors[0], minors[-1]):
        pytest.skip("on every CPython with MEMWHY_FULL_TESTS=1")


@pytest.mark.parametrize("way", ["forks", "programs", "multiprocessing"])
def test_every_process_is_its_own_part(record, way):
    recorded = record(way)
    recorded.check()
    recorded.check_ends()
    recorded.check_totals()


def test_a_process_that_replaces_itself(record):
    recorded = record("exec")
    assert len({line["pid"] for line in recorded.truth}) == 1
    recorded.check()
    recorded.check_ends()
    assert recorded.stats["session"]["ended"] == "exit:0"


def test_a_process_that_is_no_python_any_more(record):
    recorded = record("exec-other", code=5)
    assert json.loads(recorded.stdout) == recorded.truth[0]
    recorded.check()
    assert recorded.stats["session"]["ended"] == "exit:5"


def test_follow_none_records_the_first_alone(record, few):
    recorded = record("forks", "--follow", "none")
    recorded.check({"first"})
    assert [p["pid"] for p in recorded.stats["processes"]] == [recorded.first]


@pytest.mark.parametrize("way", ["forks", "programs", "multiprocessing"])
def test_follow_fork_records_what_was_forked(record, few, way):
    recorded = record(way, "--follow", "fork")
    recorded.check({"first", "fork"})


def test_a_storm_of_forks(record, few):
    recorded = record("storm")
    assert len({line["pid"] for line in recorded.truth}) == 101
    recorded.check()
    recorded.check_ends()


def at_peak(recorded):
    return {pid: sums["at_peak"][0] for pid, sums in recorded.found().items()}


def test_the_peak_is_of_all_processes_together(record):
    recorded = record("overlap")
    recorded.check()
    other = next(line["pid"] for line in recorded.truth if line["made"] == "fork")
    assert at_peak(recorded) == {recorded.first: 30_000_000, other: 45_000_000}


def test_what_two_processes_hold_in_turn_is_no_peak(record, few):
    recorded = record("hand-over")
    recorded.check()
    assert sum(at_peak(recorded).values()) in (50_000_000, 50_000_100)


def test_what_a_process_held_at_its_end_is_gone_with_it(record, few):
    recorded = record("ends")
    recorded.check()
    assert sum(at_peak(recorded).values()) == 50_000_000
