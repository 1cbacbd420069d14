# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the program, of the recorder, of both, at random moments: the session can be read.

6 moments of each kind; 20 with MEMWHY_FULL_TESTS=1. MEMWHY_SEED repeats a run (its value is in the
names of the cases).
"""

import os
import random
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import FULL, clean_environment, is_alive, processes_with, stats_of, wait_for

TARGET = Path(__file__).resolve().parent / "survival_target.py"
PROMISED_NS = 200_000_000  # what may be missing before a kill
MOMENTS = 20 if FULL else 6
SEED = int(os.environ.get("MEMWHY_SEED", time.time_ns() % 1_000_000))
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


class Run:
    """`memwhy run` over the target, and what the target has noted of itself."""

    def __init__(self, memwhy, folder, marked, seconds, pause, code=0):
        self.session, self.notes = folder / "s.mwy", folder / "notes"
        self._output = (folder / "out").open("w+")
        arguments = [str(self.notes), str(seconds), str(pause), str(code)]
        self.recorder = subprocess.Popen(
            [memwhy, "run", "-o", str(self.session), "--", PYTHON, str(TARGET), *arguments],
            env=clean_environment(**marked),
            stdout=self._output,
            stderr=(folder / "err").open("w"),
            start_new_session=True,
        )

    def wait_until_open(self):
        wait_for((self.session / "blocks.mwy").exists, what="session")

    def blocks(self):
        """Pairs of number and time; the first pair is (-1, pid)."""
        data = self.notes.read_bytes() if self.notes.exists() else b""
        return list(struct.iter_unpack("<qq", data[: len(data) // 16 * 16]))

    def target(self, seconds=30):
        return wait_for(self.blocks, seconds, "target")[0][1]

    def output(self):
        self._output.seek(0)
        return self._output.read()


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def check_session(memwhy, run, killed_ns):
    """The session holds the first blocks, with all that were taken in time. Returns its stats."""
    stats = stats_of(memwhy, run.session)
    sites = [
        site
        for site in stats["sites"]
        if site["allocator"] == "malloc"
        and site["stack"]
        and site["stack"][0]["function"] == "take"
        and site["stack"][0]["file"] == str(TARGET)
        and site["allocated"]["bytes"] >= 100_000  # ctypes may take a small one there
    ]
    blocks = sum(site["allocated"]["blocks"] for site in sites)
    taken = sum(site["allocated"]["bytes"] for site in sites)
    noted = [at for number, at in run.blocks() if number >= 0]
    in_time = sum(at <= killed_ns - PROMISED_NS for at in noted)
    print(f"noted {len(noted)}, promised {in_time}, recorded {blocks}")
    assert blocks >= in_time
    assert blocks <= len(noted) + 1  # one may have been taken and not noted
    assert taken == sum(100_000 + n for n in range(blocks)), "not the first blocks"
    freed = sum(site["released"]["blocks"] for site in sites)
    assert (blocks + 2) // 3 - 1 <= freed <= (blocks + 2) // 3
    return stats


def cases():
    for number in range(MOMENTS):
        yield pytest.param(SEED + number, id=f"seed{SEED + number}")


def chosen(seed):
    chance = random.Random(seed)
    # A third right at the start; half of the programs take blocks as fast as they can.
    after = chance.uniform(0, 0.15) if chance.random() < 0.33 else chance.uniform(0.15, 2.5)
    return chance, after, chance.choice([0, 0.0005])


@pytest.mark.parametrize("seed", cases())
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


@pytest.mark.parametrize("seed", cases())
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


@pytest.mark.parametrize("seed", cases())
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
