# SPDX-License-Identifier: Apache-2.0
"""A disk that is full before the program ends: sessions lie on it, and the program fills it."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from situation import Skip, Situation, needs_root

sys.path.append(str(Path(__file__).resolve().parents[2] / "integration"))
from small_disk import SmallDisk  # noqa: E402

# What is on the disk is written out and reserved again and again until nothing goes any more; then
# the program goes on with events for many times the ring.
FILLS = """
import os
kept = [known_block() for _ in range(5)]
def fill():
    written = 0
    for name in range(3):
        out = os.open(f"{os.environ['DISK']}/filler{name}", os.O_WRONLY | os.O_CREAT, 0o600)
        step = 1 << 20
        while step >= 512:
            try:
                written += os.write(out, bytes(step))
            except OSError:
                step //= 2
        try:
            os.fsync(out)
        except OSError:
            pass
        os.close(out)
        os.sync()
    return written
def work():
    for turn in range(20):
        blocks = [bytes(1000) for _ in range(50_000)]
work()
print("filled", fill() > 1 << 20, flush=True)
work()
child = os.fork()
if child == 0:
    work()
    os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
fill()
work()
print("done")
raise SystemExit(5)
"""


@contextlib.contextmanager
def mounted(folder, kind, megabytes):
    try:
        disk = SmallDisk(folder, kind, megabytes)
    except OSError as error:
        raise Skip(f"no {kind} can be mounted: {error}") from None
    with disk:
        yield disk.path


def forget_rings(session):
    """What a session on a full disk has elsewhere; the disk is about to go."""
    with contextlib.suppress(OSError):
        shutil.rmtree((session / "rings-in").read_text().strip())


def disk_of(kind, megabytes):
    """A setup: the session lies on a disk of that kind, {disk}."""

    @contextlib.contextmanager
    def setup(folder):
        with mounted(folder, kind, megabytes) as path:
            yield {"disk": str(path), "session": str(path / "s.mwy")}
            forget_rings(path / "s.mwy")

    return setup


def overlay_over(kind, megabytes):
    """The session lies on an overlay whose upper folder is on a disk of that kind."""

    @contextlib.contextmanager
    def setup(folder):
        with mounted(folder, kind, megabytes) as path:
            for name in ("lower", "upper", "work"):
                (path / name).mkdir()
            top = folder / "top"
            top.mkdir()
            options = f"lowerdir={path}/lower,upperdir={path}/upper,workdir={path}/work"
            done = subprocess.run(["mount", "-t", "overlay", "-o", options, "memwhy-test", top],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                raise Skip(f"no overlay over {kind}: {done.stderr.strip()}")
            try:
                yield {"disk": str(top), "session": str(top / "s.mwy")}
            finally:
                forget_rings(top / "s.mwy")
                subprocess.run(["umount", top], check=True)

    return setup


def knows_the_first(outcome):
    """What was recorded before the disk was full is there; what is not there is named."""
    stats = outcome.stats()
    head = stats["session"]
    found = sum(site["allocated"]["blocks"] for site in stats["sites"]
                if site["stack"] and site["stack"][0].get("function") == "known_block")
    faults = []
    if found != 5:
        faults.append(f"{found} known blocks, 5 were made before the disk was full")
    if not head["complete"] and not head["notes"]:
        faults.append(f"nothing says what is missing: {json.dumps(head)}")
    return faults


def full(name, what, setup, places="", **more):
    environment = {"DISK": "{disk}", **({"MEMWHY_RING_PLACES": places} if places else {})}
    return Situation(name=name, what=what, program=FILLS, setup=setup, environment=environment,
                     needs=(needs_root,), complete=None, check=knows_the_first, limit_s=120, **more)


KILLED = """
import sys
kept = [known_block() for _ in range(5)]
print("ready", flush=True)
sys.stdin.read()
"""

KILLS = """
import os, signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         start_new_session=True)
print(child.stdout.readline().strip())
os.killpg(child.pid, signal.SIGKILL)
print(child.wait())
"""


def came_home(outcome):
    """What the rings held is in the session by now, and nothing is left elsewhere."""
    names = sorted(path.name for path in outcome.session.iterdir())
    left = os.listdir("/dev/shm")
    faults = [] if any(name.startswith("ring.") for name in names) else [f"no ring in {names}"]
    return faults + [f"left: {name}" for name in left if name.startswith("memwhy-rings.")]


SITUATIONS = [
    Situation(
        name="killed-with-rings-in-memory",
        what="on btrfs rings are in /dev/shm: program and recorder are killed (SIGKILL) at once",
        program=KILLED, driver=KILLS, setup=disk_of("btrfs", 400), needs=(needs_root,),
        environment={"MEMWHY_RING_PLACES": "/dev/shm"}, known=5, complete=None,
        notes=("its rings were kept in /dev/shm",), check=came_home),
    full("ext4-full", "ext4 is filled by the program", disk_of("ext4", 160)),
    full("xfs-full", "xfs is filled by the program", disk_of("xfs", 400)),
    full("btrfs-full", "btrfs, which writes copies of pages, is filled by the program",
         disk_of("btrfs", 400), notes=("its rings were kept in",)),
    full("btrfs-full-memory", "the same with rings in /dev/shm", disk_of("btrfs", 400),
         notes=("its rings were kept in /dev/shm",), places="/dev/shm"),
    full("overlay-on-btrfs-full", "the same through an overlay, as in a container",
         overlay_over("btrfs", 400), notes=("its rings were kept in",)),
    full("overlay-on-ext4-full", "an overlay on ext4: rings stay in the session",
         overlay_over("ext4", 160)),
]
