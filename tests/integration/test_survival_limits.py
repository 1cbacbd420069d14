# SPDX-License-Identifier: Apache-2.0
"""A disk that fills, no /dev/shm, few descriptors, a folder that cannot be written.

With MEMWHY_FULL_TESTS=1 48 runs, else one of each kind.
"""

import os
import resource
import shutil
import signal
import subprocess
import time

import pytest
from conftest import clean_environment, stats_of
from small_disk import MEGABYTE, SmallDisk
from survival import PYTHON, Run, cases, check_session, chosen, kill

DISK_MB = 160  # a recording asks for 80 MB at least: the ring and a reserve


@pytest.fixture
def disk(request, tmp_path):
    kind, megabytes = request.param
    try:
        made = SmallDisk(tmp_path, kind, megabytes)
    except OSError as error:
        pytest.skip(f"no {kind} can be mounted: {error}")
    with made:
        yield made


def run_to_the_end(run, seconds=120):
    """The program ends as it would alone."""
    assert run.recorder.wait(seconds) == 7, run.errors()
    assert run.output() == f"done: {len(run.blocks()) - 1}\n", run.errors()


def check_a_full_disk(memwhy, run, full_ns, kind, why="No space left on device"):
    stats = check_session(memwhy, run, full_ns)
    session = stats["session"]
    assert session["damage"] is None
    if kind == "xfs" and session["complete"]:
        return ""  # it had set room aside behind the growing file
    assert why in run.errors()
    if kind == "btrfs" and session["ended"] == "recorder_lost":
        return ""  # room that was given back is not always free again by the end
    assert session["ended"] == "exit:7"
    assert not session["complete"]
    notes = " ".join(session["notes"])
    assert why in notes
    return notes


DISKS = [("tmpfs", DISK_MB), ("ext4", DISK_MB), ("xfs", 400)]


@pytest.mark.parametrize("seed", cases(4, 1))
@pytest.mark.parametrize("disk", DISKS, indirect=True, ids=lambda disk: disk[0])
def test_another_fills_the_disk(memwhy, tmp_path, marked, disk, seed):
    """The program is unharmed, what was recorded is there, and the session says how it ended."""
    chance, after, _ = chosen("disk", seed)
    load = chance.choice(["plain", "threads", "flood"])
    run = Run(memwhy, tmp_path, marked, after + 1, 0.0005, 7, load, where=disk.path)
    run.target()
    time.sleep(after)
    # Held meanwhile, so that the other takes nothing of what the recorder gives back.
    kill(run.recorder.pid, signal.SIGSTOP)
    full_ns = time.monotonic_ns()
    disk.fill()
    kill(run.recorder.pid, signal.SIGCONT)
    run_to_the_end(run)
    check_a_full_disk(memwhy, run, full_ns, disk.kind)


@pytest.mark.parametrize("disk", [("tmpfs", DISK_MB)], indirect=True, ids=["tmpfs"])
def test_the_session_fills_the_disk(memwhy, tmp_path, marked, disk):
    """Until then everything is there, and the session says since when nothing is."""
    run = Run(memwhy, tmp_path, marked, 6, 0, 7, "flood", where=disk.path)
    run.target()
    disk.fill(but=MEGABYTE)
    run_to_the_end(run)
    notes = check_a_full_disk(memwhy, run, run.blocks()[1][1], disk.kind)
    assert "nothing is recorded after" in notes


def test_the_session_reaches_the_limit_of_files(memwhy, tmp_path, marked):
    """As on a full disk: no signal (SIGXFSZ) ends the recorder."""
    run = Run(memwhy, tmp_path, marked, 3, 0, 7, "flood")
    run.target()
    limit = (run.session / "blocks.mwy").stat().st_size + MEGABYTE // 4
    resource.prlimit(run.recorder.pid, resource.RLIMIT_FSIZE, (limit, limit))
    run_to_the_end(run)
    notes = check_a_full_disk(memwhy, run, run.blocks()[1][1], "", "ulimit -f")
    assert "File too large" in notes and "nothing is recorded after" in notes
    assert (run.session / "blocks.mwy").stat().st_size <= limit


@pytest.mark.parametrize("disk", [("tmpfs", 8)], indirect=True, ids=["tmpfs"])
def test_a_disk_without_room_is_refused(memwhy, tmp_path, marked, disk):
    run = Run(memwhy, tmp_path, marked, 1, 0, where=disk.path)
    assert run.recorder.wait(60) == 3
    assert "the program was not run" in run.errors()
    assert not run.notes.exists() and not os.listdir(disk.path)


def in_a_mount_namespace(script):
    """Words before a command that runs it where `script` has changed the mounts."""
    words = ["unshare", "--mount", "/bin/sh", "-c"]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare (util-linux)")
    tried = subprocess.run([*words, script], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no mount namespace of our own: {tried.stderr.strip()}")
    return [*words, f'{script} && exec "$@"', "sh"]


NO_SHM = {
    "none": "mount -t tmpfs memwhy-test /dev && mknod /dev/null c 1 3 && chmod 666 /dev/null"
    " && ! [ -e /dev/shm ]",
    "read only": "mount -t tmpfs -o ro memwhy-test /dev/shm && ! touch /dev/shm/x 2>/dev/null",
}


@pytest.mark.parametrize("seed", cases(5, 1))
@pytest.mark.parametrize("how", NO_SHM)
def test_without_shared_memory(memwhy, tmp_path, marked, how, seed):
    before = in_a_mount_namespace(NO_SHM[how])
    chance, after, pause = chosen("shm", how, seed)
    load = chance.choice(["plain", "threads", "forks"])
    run = Run(memwhy, tmp_path, marked, min(after, 1), pause, 7, load, before=before)
    run_to_the_end(run)
    stats = check_session(memwhy, run, time.monotonic_ns())
    assert stats["session"]["ended"] == "exit:7"
    assert stats["session"]["complete"]


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))


@pytest.mark.parametrize("seed", cases(5, 1))
@pytest.mark.parametrize("victim", ["nobody", "target"])
def test_twenty_descriptors(memwhy, tmp_path, marked, victim, seed):
    chance, after, pause = chosen("descriptors", victim, seed)
    load = chance.choice(["plain", "threads", "forks"])
    run = Run(memwhy, tmp_path, marked, after + 1, pause, 7, load, preexec_fn=few_descriptors)
    target = run.target()
    if victim == "target":
        time.sleep(after)
        killed_ns = time.monotonic_ns()
        kill(target)
        assert run.recorder.wait(60) == -signal.SIGKILL
        ended = "signal:9"
    else:
        run_to_the_end(run)
        killed_ns = time.monotonic_ns()
        ended = "exit:7"
    stats = check_session(memwhy, run, killed_ns)
    assert stats["session"]["ended"] == ended
    assert stats["session"]["complete"]


READ_ONLY = """if 1:
    import os, sys
    open(sys.argv[1], "w").close()
"""


@pytest.mark.parametrize("seed", cases(5, 1))
@pytest.mark.parametrize("how", ["mount", "mode"])
def test_a_read_only_folder_is_refused(memwhy, tmp_path, marked, how, seed):
    """Before the start: the program is not run."""
    folder, told = tmp_path / "folder", tmp_path / "told"
    folder.mkdir()
    name = chosen("read only", seed)[0].choice(["s.mwy", "", "missing/s.mwy"])
    where = ["-o", str(folder / name)] if name else []
    command = [memwhy, "run", *where, "--", PYTHON, "-c", READ_ONLY, str(told)]
    options = {}
    if how == "mount":
        mounted = f"mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}'"
        command = [*in_a_mount_namespace(f"{mounted} && cd '{folder}'"), *command]
    else:
        folder.chmod(0o555)
        if os.geteuid() == 0:
            # Root may write anywhere: a user without rights stands in.
            for parent in [tmp_path, *list(tmp_path.parents)[:2]]:
                parent.chmod(0o755)
            options["user"] = 65534
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(**marked),
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )
    assert done.returncode == 3, done.stderr
    assert "the program was not run" in done.stderr
    assert not told.exists() and not os.listdir(folder)
