# SPDX-License-Identifier: Apache-2.0
"""memwhy inspect: prints whole and damaged sessions, and ring files."""

import json
import signal
import subprocess

import pytest

from memwhy_program import MEMWHY, memwhy, python, require_agent

PROGRAM = "x = [bytearray(9000) for _ in range(500)]"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    require_agent()
    path = tmp_path_factory.mktemp("inspect") / "a.mwy"
    assert memwhy("run", "-o", path, "--", python(), "-c", PROGRAM).returncode == 0
    return path


def test_blocks_and_facts(session):
    result = memwhy("inspect", session)
    assert result.returncode == 0
    assert "pieces" in result.stdout and '"type":"end"' not in result.stderr
    assert all(len(line) <= 80 for line in result.stdout.splitlines()[1:])


def test_events(session):
    document = json.loads(memwhy("inspect", "--events", "--json", session).stdout)
    assert document["schema"] == "memwhy.inspect/1"
    assert document["damage"] is None
    events = [event for block in document["blocks"] for piece in block.get("pieces", [])
              for event in piece["events"]]
    assert sum(event.get("size", 0) in (9000, 9001) for event in events) >= 500
    assert {"time", "thread", "malloc", "free", "define_node", "define_code"} <= {
        event["kind"] for event in events}


def test_cut_file_is_read_up_to_the_cut(session, tmp_path):
    whole = (session / "blocks.mwy").read_bytes()
    cut = tmp_path / "blocks.mwy"
    cut.write_bytes(whole[:-10])
    document = json.loads(memwhy("inspect", "--json", cut).stdout)
    everything = json.loads(memwhy("inspect", "--json", session).stdout)
    assert "cut off" in document["damage"]
    assert document["blocks"] == everything["blocks"][:-1]


def test_ring_of_a_killed_recorder(tmp_path):
    require_agent()
    path = tmp_path / "a.mwy"
    run = subprocess.Popen([MEMWHY, "run", "-o", path, "--", python(), "-c",
                            "print(1, flush=True); import time; time.sleep(2)"],
                           stdout=subprocess.PIPE, text=True)
    run.stdout.readline()
    run.send_signal(signal.SIGKILL)
    run.wait()
    ring = next(path.glob("ring.*"))
    document = json.loads(memwhy("inspect", "--json", ring).stdout)
    assert document["rings"][0]["state"] == "recording"
    assert document["rings"][0]["pieces"]
    assert "ring " in memwhy("inspect", path).stdout


@pytest.mark.parametrize("path", ["/no/such/file", "/etc/passwd", "/"])
def test_what_is_no_session(path):
    require_agent()
    result = memwhy("inspect", path)
    assert result.returncode == 3
    assert result.stderr.startswith("memwhy: ")
