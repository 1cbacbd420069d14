# SPDX-License-Identifier: Apache-2.0
"""A ring file that becomes shorter while it is mapped: the recorder lives on and says so.

What a process had mapped of a file that ends before is a bus error for it. The recorder survives
that, and makes the file whole again at once, so that the program finds memory there. A program that
cuts the very page which it is about to write may have ended itself before.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

import pytest
from conftest import clean_environment, is_alive, stats_of, wait_for
from survival import PYTHON, Run, cases, check_session, chosen

CUTS_ITS_OWN = """if 1:
    import glob, os, sys
    kept = [bytes(3000) for _ in range(5000)]
    ring, = glob.glob(os.environ["MEMWHY_SESSION"] + "/ring.*")
    if sys.argv[1] == "upper part":
        os.truncate(ring, os.path.getsize(ring) // 2)
    else:
        os.truncate(ring, 0)
    kept += [bytes(3000) for _ in range(100000)]
    print("done", len(kept))
    sys.exit(7)
"""


def said(stats, errors):
    assert "its ring file was truncated" in errors
    assert any("its ring file was truncated" in note for note in stats["session"]["notes"])
    assert any("nothing is recorded after" in note for note in stats["session"]["notes"])
    assert not stats["session"]["complete"]
    assert stats["session"]["damage"] is None


@pytest.mark.parametrize("part", ["upper part", "all"])
def test_a_program_cuts_its_own_ring(memwhy, tmp_path, marked, part):
    session = tmp_path / "s.mwy"
    done = subprocess.run(
        [memwhy, "run", "-o", str(session), "--", PYTHON, "-c", CUTS_ITS_OWN, part],
        env=clean_environment(**marked),
        capture_output=True,
        text=True,
        timeout=60,
    )
    stats = stats_of(memwhy, session)
    said(stats, done.stderr)
    if part == "upper part":
        assert (done.returncode, done.stdout) == (7, "done 105000\n"), done.stderr
        assert stats["session"]["ended"] == "exit:7"
    else:
        # Unless the recorder was faster, it has ended itself; the recorder tells it.
        assert done.returncode in (7, -signal.SIGBUS), done.stderr
        ended = "exit:7" if done.returncode == 7 else f"signal:{signal.SIGBUS.value}"
        assert stats["session"]["ended"] == ended


@contextlib.contextmanager
def held(pid):
    """All threads of a process stand still meanwhile. Not by SIGSTOP, which would stop memwhy, too."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    seize, interrupt, detach, wait_all = 0x4206, 0x4207, 17, 0x40000000
    threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    for thread in threads:
        assert ptrace(seize, thread, None, None) == 0, os.strerror(ctypes.get_errno())
        assert ptrace(interrupt, thread, None, None) == 0, os.strerror(ctypes.get_errno())
        os.waitpid(thread, wait_all)
    try:
        yield
    finally:
        for thread in threads:
            ptrace(detach, thread, None, None)


@pytest.mark.parametrize("seed", cases(8, 1))
def test_another_cuts_the_ring(memwhy, tmp_path, marked, seed):
    """While the program waits: it goes on to its end, unharmed."""
    chance, after, _ = chosen("cut", seed)
    run = Run(memwhy, tmp_path, marked, after + 1, 0.0005, 7)
    target = run.target()
    time.sleep(after)
    with held(target):
        # The moment between its stop and the cut is no loss of ours.
        killed_ns = time.monotonic_ns()
        (ring,) = run.session.glob("ring.*")
        size = ring.stat().st_size
        os.truncate(ring, chance.choice([0, 100, 4096, size // 2, size - 4096]))
        wait_for(lambda: ring.stat().st_size == size, what="a ring made whole")
        assert is_alive(run.recorder.pid)
    assert run.recorder.wait(60) == 7, run.errors()
    assert run.output() == f"done: {len(run.blocks()) - 1}\n", run.errors()
    stats = check_session(memwhy, run, killed_ns)
    said(stats, run.errors())
    assert stats["session"]["ended"] == "exit:7"
