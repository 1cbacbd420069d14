# SPDX-License-Identifier: Apache-2.0
"""memwhy inspect: prints whole and damaged sessions, heap dumps, and ring files."""

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


SERVICE = """
import os, sys
class Node:
    pass
KEPT = [Node() for _ in range(1000)]
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    require_agent()
    folder = tmp_path_factory.mktemp("inspect_dump")
    run = subprocess.Popen([MEMWHY, "run", "-o", folder / "a.mwy", "--", python(), "-c", SERVICE],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        pid = run.stdout.readline().strip()
        path = folder / "now.heap"
        taken = memwhy("heap", "dump", pid, "-o", path)
        assert taken.returncode == 0, taken.stderr
    finally:
        run.communicate()
    return path


def test_dump_has_version_facts_blocks_and_records(dump):
    document = json.loads(memwhy("inspect", "--json", dump).stdout)
    assert list(document)[:2] == ["schema", "file"]
    assert document["schema"] == "memwhy.inspect/1"
    assert document["version"] == 1
    assert document["stream_version"] == 3
    assert document["file_bytes"] == dump.stat().st_size
    assert document["damage"] is None
    facts = {block["fact"]["type"]: block["fact"] for block in document["blocks"]
             if block["kind"] == "fact"}
    assert facts["dump"]["python"].startswith("3.11")
    assert facts["dump_end"]["method"] in ("clone", "in_place")
    stream = [block for block in document["blocks"] if block["kind"] == "stream"]
    assert sum(block["raw_bytes"] for block in stream) == facts["dump_end"]["raw_bytes"]
    records = {one["kind"]: one for one in document["records"]}
    assert records["end"]["count"] == 1
    types = json.loads(memwhy("heap", "types", "--json", dump).stdout)
    assert records["object"]["count"] == types["dump"]["objects"] > 1000
    # Each byte of the stream is counted once: all but its magic and version.
    assert sum(one["bytes"] for one in records.values()) == facts["dump_end"]["raw_bytes"] - 9


def test_dump_as_text(dump):
    result = memwhy("inspect", dump)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"heap dump {dump} (")
    assert lines[1] in [f"file version 1, stream version {n}" for n in (1, 2, 3)]
    assert any(line.split()[:1] == ["object"] for line in lines)
    assert all(len(line) <= 80 for line in lines[1:])
    assert "dump_end" in memwhy("inspect", "--events", dump).stdout


def test_cut_dump_is_described_up_to_the_cut(dump, tmp_path):
    cut = tmp_path / "cut.heap"
    cut.write_bytes(dump.read_bytes()[:-10])
    document = json.loads(memwhy("inspect", "--json", cut).stdout)
    everything = json.loads(memwhy("inspect", "--json", dump).stdout)
    assert "inside of a block" in document["damage"]
    assert document["blocks"] == everything["blocks"][:-1]
    assert document["records"] == everything["records"]
    assert "damage: " in memwhy("inspect", cut).stdout


@pytest.mark.parametrize("path", ["/no/such/file", "/etc/passwd", "/"])
def test_what_is_no_session(path):
    require_agent()
    result = memwhy("inspect", path)
    assert result.returncode == 3
    assert result.stderr.startswith("memwhy: ")
