# SPDX-License-Identifier: Apache-2.0
"""Rings that are not in the session, since its disk (btrfs) does not keep their pages."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from conftest import clean_environment
from small_disk import SmallDisk
from survival import Run, check_session, kill


@pytest.fixture
def memory():
    """A folder of this test alone in memory: other tests have rings in /dev/shm, too."""
    folder = Path(tempfile.mkdtemp(prefix="memwhy-test-places-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def in_memory(folder):
    return {"MEMWHY_RING_PLACES": str(folder)}


@pytest.fixture
def disk(tmp_path):
    try:
        made = SmallDisk(tmp_path, "btrfs", 400)
    except OSError as error:
        pytest.skip(f"no btrfs can be mounted: {error}")
    with made:
        yield made


def folders(memory):
    return list(memory.iterdir())


def place_of(session):
    return Path((session / "rings-in").read_text().strip())


def kill_all(run):
    """The recorder stands still for a time, so that the last events are in the ring alone."""
    target = run.target()
    time.sleep(1)
    kill(run.recorder.pid, signal.SIGSTOP)
    time.sleep(0.5)
    killed_ns = time.monotonic_ns()
    kill(target)
    kill(run.recorder.pid)
    run.recorder.wait(20)
    while os.path.exists(f"/proc/{target}"):
        time.sleep(0.01)
    return killed_ns


def test_a_kill_of_everything_loses_nothing(memwhy, tmp_path, marked, disk, memory):
    run = Run(memwhy, tmp_path, {**marked, **in_memory(memory)}, 30, 0.0005, where=disk.path)
    killed_ns = kill_all(run)
    place = place_of(run.session)
    assert place.parent == memory and place.stat().st_mode & 0o777 == 0o700
    (ring,) = place.glob("ring.*")
    assert ring.stat().st_mode & 0o777 == 0o600
    assert not list(run.session.glob("ring.*"))
    first = check_session(memwhy, run, killed_ns)
    # It was opened: what was elsewhere has come home.
    assert folders(memory) == [] and not (run.session / "rings-in").exists()
    assert [path.name for path in run.session.glob("ring.*")] == [ring.name]
    again = check_session(memwhy, run, killed_ns)
    assert again["totals"] == first["totals"]
    assert any(f"its rings were kept in {memory}" in note for note in first["session"]["notes"])


def test_a_full_disk_leaves_the_rings_where_they_are(memwhy, tmp_path, marked, disk, memory):
    run = Run(memwhy, tmp_path, {**marked, **in_memory(memory)}, 30, 0.0005, where=disk.path)
    killed_ns = kill_all(run)
    disk.fill()
    with (disk.path / "more").open("wb", buffering=0) as more:  # what fallocate has left over
        try:
            while more.write(bytes(4096)):
                pass
        except OSError:
            pass
    os.sync()
    try:
        told = subprocess.run([memwhy, "stats", "--json", run.session], capture_output=True,
                              text=True)
        assert told.returncode == 0, told.stderr
        check_session(memwhy, run, killed_ns)
        if not list(run.session.glob("ring.*")):
            assert place_of(run.session).is_dir()
            assert "stay outside of it" in told.stderr
    finally:
        for name in ("filler", "more"):
            (disk.path / name).unlink()
        os.sync()
    check_session(memwhy, run, killed_ns)
    assert folders(memory) == []
    check_session(memwhy, run, killed_ns)


def test_a_normal_end_leaves_nothing_behind(memwhy, tmp_path, marked, disk, memory):
    run = Run(memwhy, tmp_path, {**marked, **in_memory(memory)}, 1, 0.001, 7, "forks", where=disk.path)
    assert run.recorder.wait(60) == 7, run.errors()
    assert folders(memory) == []
    names = {path.name for path in run.session.iterdir()}
    assert not {name for name in names if name.startswith("ring")}, names
    stats = check_session(memwhy, run, time.monotonic_ns())
    assert stats["session"]["complete"]


def test_a_live_process_is_found(memwhy, tmp_path, marked, disk, memory):
    """A dump, its ledger, and the dump's look at the session's blocks."""
    run = Run(memwhy, tmp_path, {**marked, **in_memory(memory)}, 20, 0.001, where=disk.path)
    target = run.target()
    dump = tmp_path / "d.heap"
    done = subprocess.run([memwhy, "heap", "dump", str(target), "-o", dump], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "session" not in done.stderr, done.stderr
    done = subprocess.run([memwhy, "explain", "--json", str(target)], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    shares = json.loads(done.stdout)["ledgers"][0]["shares"]
    assert any(share["name"] == "memwhy" for share in shares), shares
    kill(target)
    run.recorder.wait(20)


def test_without_a_place_nothing_is_run(memwhy, tmp_path, marked, disk):
    done = subprocess.run(
        [memwhy, "run", "-o", disk.path / "s.mwy", "--", "/bin/sh", "-c", "echo ran"],
        env=clean_environment(**marked, MEMWHY_RING_PLACES=f"/none:{disk.path}"),
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and done.stdout == "", done
    assert "btrfs" in done.stderr and "/none is not there" in done.stderr
    assert "the program was not run" in done.stderr
    assert not (disk.path / "s.mwy").exists()


def test_doctor_says_where_rings_lie(memwhy, tmp_path, disk, memory):
    for environment, state, words in (
        (in_memory(memory), "limited", ("btrfs", str(memory), "tmpfs")),
        ({"MEMWHY_RING_PLACES": "/none"}, "no", ("btrfs", "/none is not there")),
    ):
        done = subprocess.run([memwhy, "doctor", "--json"], cwd=disk.path, capture_output=True,
                              text=True, env=clean_environment(**environment), timeout=120)
        (check,) = [c for c in json.loads(done.stdout)["checks"] if c["id"] == "rings"]
        assert check["state"] == state, check
        assert all(word in check["says"] for word in words), check
        assert (done.returncode == 3) == (state == "no")
