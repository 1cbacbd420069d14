# SPDX-License-Identifier: Apache-2.0
"""Programs whose first Python is an idle master: the process that grows is the one judged."""

import json

import pytest

from diagnosis import FINDING, NOTHING_TO_BLAME, PYTHON, TARGETS, diagnose

SECONDS = 24  # a worker starts late and needs a window of its own
SOURCE = TARGETS / "workers.py"


def line_that_allocates():
    lines = SOURCE.read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.endswith("# ALLOCATES"))


def diagnose_workers(tmp_path, method, leaks):
    pids = tmp_path / "pids"
    diagnosis = diagnose(
        tmp_path, "--for", SECONDS, "-o", tmp_path / "workers.mwy", "--", PYTHON, SOURCE,
        "--method", method, "--leaks", leaks, "--seconds", SECONDS + 60, "--pids", pids,
    )  # fmt: skip
    return diagnosis, json.loads(pids.read_text(encoding="utf-8"))


def growing(diagnosis):
    rows = diagnosis.findings["processes"]
    return {row["pid"] for row in rows if row["verdict"] == "growing"}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "exec"])
def test_the_worker_that_grows_is_named(tmp_path, method):
    diagnosis, pids = diagnose_workers(tmp_path, method, "1")
    assert diagnosis.code == FINDING, diagnosis.text + diagnosis.progress
    assert growing(diagnosis) == {pids[1]}, diagnosis.text
    (finding,) = diagnosis.blamed()
    assert finding["kind"] == "unbounded_container", diagnosis.text
    assert finding["who_holds"]["holder"].endswith(".SESSIONS"), diagnosis.text
    assert finding["who_allocated"]["line"] == line_that_allocates(), diagnosis.text
    assert [one["pid"] for one in finding["processes"]] == [pids[1]], diagnosis.text
    assert f"PID {pids[1]}" in diagnosis.findings["summary"], diagnosis.text
    assert all(len(line) <= 80 for line in diagnosis.text.splitlines()
               if not line.startswith("  memwhy ")), diagnosis.text  # fmt: skip


@pytest.mark.parametrize("method", ["fork", "exec"])
def test_one_cause_in_two_workers_is_one_finding(tmp_path, method):
    diagnosis, pids = diagnose_workers(tmp_path, method, "01")
    assert growing(diagnosis) == set(pids), diagnosis.text + diagnosis.progress
    (finding,) = diagnosis.blamed()
    assert {one["pid"] for one in finding["processes"]} == set(pids), diagnosis.text
    shares = [one["growth_bytes_per_second"] for one in finding["processes"]]
    assert abs(finding["growth_bytes_per_second"] - sum(shares)) <= 2, diagnosis.text


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_that_keep_nothing_are_not_blamed(tmp_path, method):
    diagnosis, _ = diagnose_workers(tmp_path, method, "")
    assert not diagnosis.blamed(), diagnosis.text
    assert diagnosis.code == NOTHING_TO_BLAME, diagnosis.text + diagnosis.progress


def test_a_python_below_a_shell_is_found(tmp_path):
    supervisor = tmp_path / "supervise.sh"
    supervisor.write_text(
        "#!/bin/sh\n"
        f"{PYTHON} -c 'print(1)' >/dev/null\n"
        f"{PYTHON} {SOURCE} --worker 0 --seconds 90 &\n"
        f"{PYTHON} {SOURCE} --worker 1 --leaks 1 --seconds 90 &\n"
        "trap 'kill $(jobs -p)' TERM\n"
        "wait\n",
        encoding="utf-8",
    )
    supervisor.chmod(0o755)
    diagnosis = diagnose(tmp_path, "--for", SECONDS, "-o", tmp_path / "s.mwy", "--", supervisor)
    assert diagnosis.code == FINDING, diagnosis.text + diagnosis.progress
    (finding,) = diagnosis.blamed()
    assert finding["who_holds"]["holder"].endswith(".SESSIONS"), diagnosis.text
    assert len(growing(diagnosis)) == 1, diagnosis.text
