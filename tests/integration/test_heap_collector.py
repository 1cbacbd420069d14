# SPDX-License-Identifier: Apache-2.0
"""The collector of a program while a clone of it lives: held, and otherwise the program's own."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from conftest import wait_for
from heap_dump import view, waiting

HERE = Path(__file__).parent / "heap"


def clones_of(pid):
    pids = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            pids += (thread / "children").read_text().split()
    return pids


def start_dump(memwhy, pid, dump):
    """A dumper that stands still while the clone lives; None when the dump was done before."""
    dumper = subprocess.Popen(
        [memwhy, "heap", "dump", str(pid), "-o", str(dump), "--no-scan"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not clones_of(pid) and dumper.poll() is None:
        pass
    dumper.send_signal(signal.SIGSTOP)
    if dumper.poll() is None:
        os.waitid(os.P_PID, dumper.pid, os.WSTOPPED)
        if clones_of(pid):
            return dumper
        dumper.send_signal(signal.SIGCONT)
    dumper.wait(60)
    return None


@contextlib.contextmanager
def living_clone(memwhy, pid, dump):
    """A dump whose clone lives on, since nobody reads what it writes, until the block's end."""
    dumper = wait_for(lambda: start_dump(memwhy, pid, dump), what="a dump is caught alive")
    try:
        yield
        assert clones_of(pid)
    finally:
        dumper.send_signal(signal.SIGCONT)
        code = dumper.wait(60)
    assert code == 0
    wait_for(lambda: not clones_of(pid), what="the clone ends")


def test_the_collector_is_held_and_stays_the_programs(memwhy, python, tmp_path):
    with waiting(memwhy, python, HERE / "collector.py", tmp_path) as target:
        usual = target.ask("state")
        assert target.ask("make 50000")["automatic"] > 0
        target.ask("waste")
        with living_clone(memwhy, target.pid, tmp_path / "held.heap"):
            held = target.ask("make 50000")
            assert held["automatic"] == 0
            assert held["enabled"]
            assert held["threshold"] == usual["threshold"]
            assert target.ask("collect")["found"] >= 2
        wait_for(lambda: target.ask("make 50000")["automatic"] > 0, what="collections go on")
        assert target.ask("state") == usual

        target.ask("waste")
        with living_clone(memwhy, target.pid, tmp_path / "disabled.heap"):
            target.ask("disable")
        state = target.ask("make 50000")
        assert not state["enabled"] and state["automatic"] == 0
    for dump in "held.heap", "disabled.heap":
        cycles = view(memwhy, "cycles", tmp_path / dump)["cycles"]
        assert [c["why"] for c in cycles if "__main__.Waste" in c["types"]] == ["threshold"]
