# SPDX-License-Identifier: Apache-2.0
"""memwhy run: the program behaves as without it, and what was recorded survives."""

import json
import os
import signal
import subprocess
import time

import pytest

from memwhy_program import MEMWHY, memwhy, python, require_agent, require_built


@pytest.fixture(autouse=True)
def built():
    require_agent()


def stats(session):
    result = memwhy("stats", session, "--json", "--top", 5)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    pytest.fail("waited in vain")


def start(session, *program):
    return subprocess.Popen([MEMWHY, "run", "-o", session, "--", *program],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def child_of(pid):
    path = f"/proc/{pid}/task/{pid}/children"
    return wait_for(lambda: [int(x) for x in open(path).read().split()])[0]


ALLOCATING = """
import sys, time
print("ready", flush=True)
while True:
    block = bytearray(100_000)
    time.sleep(0.001)
"""


@pytest.mark.parametrize("code", [0, 1, 3, 77, 255])
def test_exit_code_passes_through(tmp_path, code):
    result = memwhy("run", "-o", tmp_path / "a.mwy", "--", python(), "-c",
                    f"import sys; print('out'); print('err', file=sys.stderr); sys.exit({code})")
    assert result.returncode == code
    assert result.stdout == "out\n"
    assert result.stderr.splitlines()[0] == "err"
    assert "a.mwy" in result.stderr
    assert stats(tmp_path / "a.mwy")["session"]["ended"] == f"exit:{code}"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_death_by_signal_passes_through(tmp_path, number):
    result = memwhy("run", "-o", tmp_path / "a.mwy", "--", python(), "-c",
                    f"import os; os.kill(os.getpid(), {int(number)})")
    assert result.returncode == -number
    assert stats(tmp_path / "a.mwy")["session"]["ended"] == f"signal:{int(number)}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
                                    signal.SIGUSR2])
def test_signals_reach_the_program(tmp_path, number):
    run = start(tmp_path / "a.mwy", python(), "-c", f"""
import signal, sys, time
signal.signal({int(number)}, lambda *_: sys.exit(42))
print("ready", flush=True)
for _ in range(300): time.sleep(0.1)  # a signal just before a sleep waits for its end
""")
    assert run.stdout.readline() == "ready\n"
    run.send_signal(number)
    assert run.wait(20) == 42


def test_standard_input_is_the_program_s(tmp_path):
    result = memwhy("run", "-o", tmp_path / "a.mwy", "--", python(), "-c",
                    "print(input()[::-1])", input="abc\n")
    assert result.stdout == "cba\n"


def test_arguments_and_environment_are_left_alone(tmp_path):
    result = memwhy("run", "-o", tmp_path / "a.mwy", "--", python(), "-c",
                    "import sys, os; print(sys.argv[1:], os.environ['X'])", "--", "-o", "a b",
                    env={**os.environ, "X": "y"})
    assert result.stdout == "['--', '-o', 'a b'] y\n"


def test_killed_program_is_read_up_to_its_death(tmp_path):
    run = start(tmp_path / "a.mwy", python(), "-c", ALLOCATING)
    assert run.stdout.readline() == "ready\n"
    time.sleep(0.3)
    os.kill(child_of(run.pid), signal.SIGKILL)
    assert run.wait(20) == -signal.SIGKILL
    document = stats(tmp_path / "a.mwy")
    assert document["session"]["ended"] == "signal:9"
    assert document["totals"]["allocated"]["blocks"] > 100


def test_killed_recorder_leaves_a_session_and_a_running_program(tmp_path):
    run = start(tmp_path / "a.mwy", python(), "-c", ALLOCATING)
    assert run.stdout.readline() == "ready\n"
    child = child_of(run.pid)
    time.sleep(0.3)
    run.kill()
    run.wait()
    first = stats(tmp_path / "a.mwy")["totals"]["allocated"]["blocks"]
    time.sleep(0.3)
    os.kill(child, 0)  # still there
    later = stats(tmp_path / "a.mwy")
    assert later["totals"]["allocated"]["blocks"] > first, "the ring goes on without a recorder"
    os.kill(child, signal.SIGKILL)
    last = stats(tmp_path / "a.mwy")
    assert last["session"]["ended"] == "recorder_lost"
    assert last["totals"]["allocated"]["blocks"] >= later["totals"]["allocated"]["blocks"]


def test_session_can_be_read_while_it_is_written(tmp_path):
    run = start(tmp_path / "a.mwy", python(), "-c", ALLOCATING)
    assert run.stdout.readline() == "ready\n"
    time.sleep(0.3)
    document = stats(tmp_path / "a.mwy")
    run.terminate()
    run.wait(20)
    assert document["session"]["ended"] == "open"
    assert document["totals"]["allocated"]["blocks"] > 100
    assert stats(tmp_path / "a.mwy")["session"]["ended"] == "signal:15"


def test_forked_children_are_recorded(tmp_path):
    result = memwhy("run", "-o", tmp_path / "a.mwy", "--", python(), "-c", """
import os
keep = [bytearray(50_000) for _ in range(20)]
pid = os.fork()
if pid == 0:
    more = [bytearray(70_000) for _ in range(20)]
    os._exit(5)
os.waitpid(pid, 0)
""")
    assert result.returncode == 0, result.stderr
    processes = stats(tmp_path / "a.mwy")["processes"]
    assert [p["ended"] for p in processes] == ["exit:0", "exit:5"]
    assert processes[1]["parent"] == processes[0]["pid"]


def test_script_that_starts_a_python(tmp_path):
    script = tmp_path / "start.sh"
    script.write_text(f"#!/bin/sh\n{python()} -c 'x = [bytearray(9000) for _ in range(500)]'\nexit 9\n")
    script.chmod(0o755)
    result = memwhy("run", "-o", tmp_path / "a.mwy", "--", script)
    assert result.returncode == 9
    assert stats(tmp_path / "a.mwy")["totals"]["allocated"]["bytes"] > 500 * 9000


def test_program_without_python_runs_and_is_said(tmp_path):
    result = memwhy("run", "-o", tmp_path / "a.mwy", "--", "/bin/sh", "-c", "echo hello; exit 4")
    assert result.returncode == 4
    assert result.stdout == "hello\n"
    assert "no CPython" in result.stderr
    inspected = json.loads(memwhy("inspect", tmp_path / "a.mwy", "--json").stdout)
    facts = [block["fact"] for block in inspected["blocks"] if block["kind"] == "fact"]
    assert [f["note"] for f in facts if f["type"] == "process"][0].startswith("no CPython")


def test_session_holds_facts_of_the_operating_system(tmp_path):
    memwhy("run", "-o", tmp_path / "a.mwy", "--", python(), "-c", "import time; time.sleep(1.6)")
    inspected = json.loads(memwhy("inspect", tmp_path / "a.mwy", "--json").stdout)
    facts = [block["fact"] for block in inspected["blocks"] if block["kind"] == "fact"]
    samples = [row for f in facts if f["type"] == "os_samples" for row in f["samples"]]
    assert len(samples) >= 10
    assert all(row[2] > 1_000_000 for row in samples)
    passes = [f for f in facts if f["type"] == "maps"]
    assert [p["at"] for p in passes] == ["start"]
    assert any(m[4] == "[heap]" for m in passes[0]["mappings"])
    assert sum(a[1] for a in passes[0]["arenas"]) > 100_000


def test_secrets_of_the_command_line_are_not_stored(tmp_path):
    memwhy("run", "-o", tmp_path / "a.mwy", "--", python(), "-c", "pass", "--api-token", "hunter2",
           "--password=hunter3", "postgres://me:hunter4@db/x")
    text = memwhy("inspect", "--events", tmp_path / "a.mwy").stdout
    assert "hunter" not in text
    assert "--password=***" in text


@pytest.mark.parametrize("arguments", [
    ["run"], ["run", "--"], ["run", "--nonsense", "--", "true"], ["run", "true"],
    ["run", "--follow", "some", "--", "true"], ["nonsense"], []])
def test_usage_errors(arguments, tmp_path):
    result = memwhy(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("memwhy: ")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("option", [["--sample", "1M"]])
def test_what_is_not_built_yet_is_refused(option, tmp_path):
    result = memwhy("run", *option, "--", "/bin/touch", tmp_path / "ran", cwd=tmp_path)
    assert result.returncode == 3
    assert "is not built yet" in result.stderr
    assert os.listdir(tmp_path) == []


def refused(result, tmp_path):
    assert result.returncode == 3
    assert "was not run" in result.stderr
    assert not (tmp_path / "ran").exists()


def test_existing_session_is_refused(tmp_path):
    (tmp_path / "a.mwy").mkdir()
    refused(memwhy("run", "-o", tmp_path / "a.mwy", "--", "/bin/touch", tmp_path / "ran"), tmp_path)


def test_place_that_cannot_be_written_is_refused(tmp_path):
    refused(memwhy("run", "-o", "/proc/a.mwy", "--", "/bin/touch", tmp_path / "ran"), tmp_path)
    refused(memwhy("run", "-o", tmp_path / "no" / "a.mwy", "--", "/bin/touch", tmp_path / "ran"),
            tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only directory")
def test_read_only_directory_is_refused(tmp_path):
    place = tmp_path / "place"
    place.mkdir(mode=0o500)
    refused(memwhy("run", "-o", place / "a.mwy", "--", "/bin/touch", tmp_path / "ran"), tmp_path)


@pytest.mark.parametrize("program", ["/no/such/program", "no-such-program-at-all", "/etc/passwd"])
def test_program_that_cannot_run_is_refused(tmp_path, program):
    result = memwhy("run", "-o", tmp_path / "a.mwy", "--", program)
    assert result.returncode == 3
    assert "cannot run" in result.stderr
    assert os.listdir(tmp_path) == [], "no session stays behind"


def test_missing_agent_is_refused(tmp_path):
    result = memwhy("run", "-o", tmp_path / "a.mwy", "--", "/bin/touch", tmp_path / "ran",
                    env={**os.environ, "MEMWHY_AGENT": str(tmp_path / "none.so")})
    refused(result, tmp_path)
    assert os.listdir(tmp_path) == []


def test_default_session_is_in_the_working_directory(tmp_path):
    result = memwhy("run", "--", python(), "-c", "pass", cwd=tmp_path)
    assert result.returncode == 0
    sessions = os.listdir(tmp_path)
    assert len(sessions) == 1 and sessions[0].endswith(".mwy")
    assert sessions[0] in result.stderr
    assert sorted(os.listdir(tmp_path / sessions[0])) == ["blocks.mwy"], "nothing else stays"
