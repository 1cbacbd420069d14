# SPDX-License-Identifier: Apache-2.0
"""`diagnose --try` and `--confirm`: what is done to a program, what it gives back, and what that
says of the finding."""

import json
import os
import subprocess

import pytest

from diagnosis import FINDING, MEMWHY, PYTHON, ROOT, TARGETS, diagnose

in_full_tests = pytest.mark.skipif(
    os.environ.get("MEMWHY_FULL_TESTS") != "1", reason="with MEMWHY_FULL_TESTS=1"
)
DRIVE = ROOT / "tests" / "verdicts" / "drive.py"


def try_on(tmp_path, program, *options, seconds=16):
    return diagnose(
        tmp_path, "--for", seconds, "--html", tmp_path / "report.html", *options, "-o",
        tmp_path / "tried.mwy", "--", PYTHON, DRIVE, program, "--seconds", seconds + 60,
    )  # fmt: skip


def test_a_collection_confirms_what_waits_for_the_collector(tmp_path):
    # Collection is off: none comes by itself between the window and the experiment.
    diagnosis = try_on(tmp_path, "collector_off", "--confirm")
    assert diagnosis.code == FINDING, diagnosis.text + diagnosis.progress
    first = diagnosis.first()
    assert first["id"] == "py.gc_disabled_or_starved", diagnosis.text
    (outcome,) = first["outcomes"]
    assert (outcome["experiment"], outcome["result"]) == ("gc", "confirmed"), diagnosis.text
    (experiment,) = diagnosis.findings["experiments"]
    assert experiment["what"] == "gc"
    assert experiment["error"] is None
    assert experiment["given_back"]["in_use"] > first["bytes_at_stake"] / 2
    for share in experiment["shares"]:
        assert share["before"] != share["after"], share
    # Its cost is said before it is done.
    progress = diagnosis.progress
    assert progress.index("gc in PID") < progress.index("pause: at most about")
    assert progress.index("pause: at most about") < progress.index(": done in")
    assert "\nTried\n" in diagnosis.text
    assert "tried     gc: confirmed" in diagnosis.text
    assert "confirmed: gc.collect() gave back" in (tmp_path / "report.html").read_text()


def test_what_a_container_holds_is_not_freed_by_a_collection(tmp_path):
    diagnosis = try_on(tmp_path, "dict_by_key", "--try", "gc,trim,empty_cache,dynamo_reset")
    first = diagnosis.first()
    assert first["id"] == "py.container_growth", diagnosis.text
    (outcome,) = first["outcomes"]
    assert (outcome["experiment"], outcome["result"]) == ("gc", "confirmed"), diagnosis.text
    gc, trim, empty_cache, dynamo_reset = diagnosis.findings["experiments"]
    assert gc["error"] is None
    assert trim["error"] is None
    assert empty_cache["error"] == "PyTorch is not loaded"
    assert "torch._dynamo is not loaded" in dynamo_reset["error"]
    assert "not done: PyTorch is not loaded" in diagnosis.text


@in_full_tests
def test_a_trim_gives_back_what_malloc_keeps(tmp_path):
    diagnosis = diagnose(
        tmp_path, "--for", 16, "--try", "trim", "-o", tmp_path / "retained.mwy", "--", PYTHON,
        TARGETS / "malloc_retained.py", "--seconds", 90,
    )  # fmt: skip
    first = diagnosis.first()
    assert first["kind"] == "allocator_retention", diagnosis.text
    (experiment,) = diagnosis.findings["experiments"]
    assert experiment["given_back"]["rss"] > 0, diagnosis.text
    assert [outcome["experiment"] for outcome in first["outcomes"]] == ["trim"], diagnosis.text


@in_full_tests
def test_what_would_take_too_long_is_refused(tmp_path):
    diagnosis = try_on(tmp_path, "dict_by_key", "--try", "gc", "--max-pause", "0.001")
    (experiment,) = diagnosis.findings["experiments"]
    assert "over the limit" in experiment["error"], diagnosis.text
    assert experiment["given_back"] is None
    assert experiment["pause_ms"] is None
    assert not any(finding["outcomes"] for finding in diagnosis.findings["findings"])


@in_full_tests
def test_what_cannot_be_confirmed_says_why(tmp_path):
    diagnosis = try_on(tmp_path, "dict_by_key", "--confirm")
    (outcome,) = diagnosis.first()["outcomes"]
    assert outcome["experiment"] is None
    assert outcome["result"] == "open"
    assert "finalizers" in outcome["says"], outcome
    assert diagnosis.findings["experiments"] == []


@in_full_tests
def test_a_prediction_is_held_against_a_later_session(tmp_path):
    for name, *clean in (("a",), ("b",), ("fixed", "--clean")):
        diagnose(
            tmp_path, "--for", 18, "-o", tmp_path / f"{name}.mwy", "--", PYTHON, DRIVE,
            "dict_by_key", "--seconds", 90, *clean,
        )  # fmt: skip

    def check(later):
        completed = subprocess.run(
            [MEMWHY, "diagnose", tmp_path / "a.mwy", "--check-prediction", later, "--json"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return completed.returncode, json.loads(completed.stdout)["predictions"]

    code, (held,) = check(tmp_path / "b.mwy")
    assert (code, held["result"], held["unit"]) == (0, "held", "bytes/operation"), held
    code, (gone,) = check(tmp_path / "fixed.mwy")
    assert (code, gone["result"], gone["measured"]) == (1, "gone", None), gone


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--try", "gc,coffee", "--for", "5", "--", "true"], 'unknown "coffee"'),
        (["--try", "gc", "--", "true"], "--try needs --for TIME"),
        (["--confirm", "some.mwy"], "--confirm is for a program that runs"),
        (["--check-prediction", "b.mwy", "--", "true"], "compares two sessions"),
        (["a.mwy", "--check-prediction", "missing.mwy"], "missing.mwy is no session"),
    ],
)
def test_wrong_use_is_said_before_anything_runs(arguments, error):
    completed = subprocess.run(
        [MEMWHY, "diagnose", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert completed.returncode == 2
    assert error in completed.stderr
