# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the program, of the recorder, of both, at random moments: the session can be read.

6 moments of each kind; 20 with MEMWHY_FULL_TESTS=1.
"""

import signal
import subprocess
import time

import pytest
from conftest import clean_environment, is_alive, processes_with, stats_of, wait_for
from survival import PYTHON, TARGET, Run, cases, check_session, chosen, kill


@pytest.mark.parametrize("seed", cases(20, 6))
def test_the_target_is_killed(memwhy, tmp_path, marked, seed):
    _, after, pause = chosen(seed)
    run = Run(memwhy, tmp_path, marked, 60, pause)
    target = run.target()
    time.sleep(after)
    killed_ns = time.monotonic_ns()
    kill(target)
    assert run.recorder.wait(60) == -signal.SIGKILL  # it ends as the program did
    stats = check_session(memwhy, run, killed_ns)
    assert stats["session"]["ended"] == "signal:9"
    assert [p["ended"] for p in stats["processes"]] == ["signal:9"]
    assert not list(run.session.glob("ring.*")), "the ring is in the session file by now"


@pytest.mark.parametrize("seed", cases(20, 6))
def test_the_recorder_is_killed(memwhy, tmp_path, marked, seed):
    _, after, pause = chosen(seed)
    run = Run(memwhy, tmp_path, marked, after + 1, pause, code=7)
    run.wait_until_open()
    time.sleep(after)
    killed_ns = time.monotonic_ns()
    kill(run.recorder.pid)
    run.recorder.wait(60)
    if not processes_with(f"INTEGRATION_TEST={tmp_path}") and not run.notes.exists():
        pytest.skip("the recorder was killed before it had started the program")
    target = run.target()
    # Nobody is there to tell the exit code; the last line of output is there only if it ended well.
    wait_for(lambda: not is_alive(target), what="end of the target")
    noted = len(run.blocks()) - 1
    assert run.output() == f"done: {noted}\n"
    stats = check_session(memwhy, run, killed_ns)
    assert stats["session"]["ended"] == "recorder_lost"


@pytest.mark.parametrize("seed", cases(20, 6))
def test_both_are_killed(memwhy, tmp_path, marked, seed):
    chance, after, pause = chosen(seed)
    run = Run(memwhy, tmp_path, marked, 60, pause)
    target = run.target()
    time.sleep(after)
    victims = [target, run.recorder.pid]
    chance.shuffle(victims)
    killed_ns = time.monotonic_ns()
    for victim in victims:
        kill(victim)
        time.sleep(chance.choice([0, 0.01]))
    run.recorder.wait(60)
    wait_for(lambda: not is_alive(target), what="end of the target")
    stats = check_session(memwhy, run, killed_ns)
    # The recorder may have had the time to see the end, if the program went first.
    assert stats["session"]["ended"] in ("recorder_lost", "signal:9")


def test_the_exit_code_is_the_targets_without_a_recorder(memwhy, tmp_path, marked):
    """A shell between the two outlives the recorder and tells the code."""
    code = tmp_path / "code"
    script = f"'{PYTHON}' '{TARGET}' '{tmp_path / 'notes'}' 1.5 0 7; echo $? > '{code}'"
    recorder = subprocess.Popen(
        [memwhy, "run", "-o", str(tmp_path / "s.mwy"), "--", "/bin/sh", "-c", script],
        env=clean_environment(**marked),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for((tmp_path / "notes").exists, what="target")
    kill(recorder.pid)
    recorder.wait(60)
    wait_for(lambda: code.exists() and code.read_text().strip(), what="exit code")
    assert code.read_text().strip() == "7"


FLOOD = """if 1:
    import sys
    open(sys.argv[1], "w").write("up")
    kept = []
    for _ in range(int(sys.argv[2])):
        kept.append([bytes(2000 + n) for n in range(500)])
        kept = kept[-3:]
    print("flooded")
    sys.exit(5)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "stopped"])
def test_a_full_ring_without_a_recorder_does_not_hold_the_target(
    memwhy, tmp_path, marked, number
):
    """12 million events, more than a ring takes, while nobody reads: the program ends by itself."""
    up, out = tmp_path / "up", tmp_path / "out"
    command = [PYTHON, "-c", FLOOD, str(up), "12000"]
    with out.open("w") as stdout:
        recorder = subprocess.Popen(
            [memwhy, "run", "-o", str(tmp_path / "s.mwy"), "--", *command],
            env=clean_environment(**marked),
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    wait_for(lambda: up.exists() and up.read_text() == "up", what="target")
    kill(recorder.pid, number)
    wait_for(lambda: out.read_text() == "flooded\n", seconds=120, what="end of the target")
    if number == signal.SIGSTOP:
        kill(recorder.pid, signal.SIGCONT)
        assert recorder.wait(60) == 5
    else:
        recorder.wait(60)
    stats = stats_of(memwhy, tmp_path / "s.mwy")
    allocated = stats["totals"]["allocated"]["blocks"]
    assert allocated > 100_000
    lost = stats["session"]["lost_events"]
    print(f"allocated {allocated}", stats["session"])
    if allocated < 6_000_000:
        assert lost > 0 or stats["session"]["ended"] == "recorder_lost", "lost in silence"


def test_a_damaged_tail_is_read_up_to_the_damage(memwhy, tmp_path, marked):
    run = Run(memwhy, tmp_path, marked, 1, 0.0005)
    assert run.recorder.wait(60) == 0
    whole = check_session(memwhy, run, 0)
    file = run.session / "blocks.mwy"
    data = file.read_bytes()
    for cut in (len(data) - 1, len(data) * 3 // 4, len(data) // 2):
        file.write_bytes(data[:cut])
        stats = check_session(memwhy, run, 0)
        assert stats["totals"]["allocated"]["blocks"] <= whole["totals"]["allocated"]["blocks"]
        assert stats["session"]["ended"] in ("recorder_lost", "damaged")
