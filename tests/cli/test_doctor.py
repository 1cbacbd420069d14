# SPDX-License-Identifier: Apache-2.0
"""memwhy doctor: says what can be done here, and fails only where nothing can be recorded."""

import json
import os

import pytest

from memwhy_program import memwhy, require_agent


@pytest.fixture(autouse=True)
def built():
    require_agent()


def test_text_fits_a_terminal(tmp_path):
    result = memwhy("doctor", cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    lines = result.stdout.splitlines()
    assert lines[-1] == "Recording is possible here."
    assert all(len(line) <= 80 for line in lines if "/" not in line)


def test_json(tmp_path):
    document = json.loads(memwhy("doctor", "--json", cwd=tmp_path).stdout)
    assert document["schema"] == "memwhy.doctor/1"
    assert document["can_record"] is True
    checks = {check["id"]: check for check in document["checks"]}
    assert {"agent", "disk", "kernel", "clock", "trace", "pagemap", "cgroup", "perf",
            "python"} <= set(checks)
    assert all(check["state"] in ("ok", "limited", "no") for check in document["checks"])
    assert all(check["state"] == "ok" or check["advice"] for check in document["checks"])


def test_agent_that_cannot_be_loaded(tmp_path):
    broken = tmp_path / "libmemwhy_agent.so"
    broken.write_text("no library")
    result = memwhy("doctor", cwd=tmp_path, env={**os.environ, "MEMWHY_AGENT": str(broken)})
    assert result.returncode == 3
    assert "not possible" in result.stdout


def test_process_that_is_not_there(tmp_path):
    assert memwhy("doctor", "--pid", 2 ** 22 + 1, cwd=tmp_path).returncode == 2
    assert memwhy("doctor", "--pid", os.getpid(), cwd=tmp_path).returncode == 0
