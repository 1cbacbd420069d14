# SPDX-License-Identifier: Apache-2.0
"""What the tests of heap dumps share: a program that waits under memwhy, dumps of it, their views."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import clean_environment


def find_quota():
    """Processors' time that this process's cgroup may use at once; infinite without a limit."""
    least = float("inf")
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        root = Path("/sys/fs/cgroup", controllers)
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = root / path.lstrip("/")
        for at in [folder, *folder.parents]:
            with contextlib.suppress(OSError, ValueError):
                quota, period = (at / "cpu.max").read_text().split()
                least = min(least, int(quota) / int(period))
            with contextlib.suppress(OSError, ValueError):
                quota = int((at / "cpu.cfs_quota_us").read_text())
                period = int((at / "cpu.cfs_period_us").read_text())
                least = min(least, quota / period if quota > 0 else least)
    return least


PROCESSORS, QUOTA = len(os.sched_getaffinity(0)), find_quota()
# A dump has them only where there is room beside what the process does (decision 0016).
needs_two_lanes = pytest.mark.skipif(
    PROCESSORS < 2 or QUOTA < 4,
    reason=f"dumps have one lane: {PROCESSORS} processors, a quota of {QUOTA}",
)


class Waiting:
    """A program under `memwhy run` that printed one line of JSON and waits for its stdin's end."""

    def __init__(self, memwhy, process, folder, said):
        self.memwhy = memwhy
        self.process = process
        self.folder = folder
        self.said = said
        self.pid = said["pid"]

    def dump(self, name="d.heap", *options):
        """Takes a dump; returns its path."""
        path = self.folder / name
        done = subprocess.run(
            [self.memwhy, "heap", "dump", str(self.pid), "-o", str(path), *options],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return path

    def ask(self, line):
        """Sends a line and returns the JSON line that answers it."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextlib.contextmanager
def waiting(
    memwhy, python, program, folder, *arguments, environment=None, options=(), session="s.mwy"
):
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [
            *(memwhy, "run", *options, "-o", str(folder / session)),
            *("--", python.path, str(program), *arguments),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1", **(environment or {})),
    )
    try:
        yield Waiting(memwhy, process, folder, json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        try:
            assert process.wait(60) == 0
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()


def proofs_by_type(memwhy, dump):
    """The proofs of all that heap refs lists."""
    proofs = {}
    for thing in view(memwhy, "refs", dump)["objects"]:
        proofs.setdefault(thing["type"], []).append(thing["proof"])
    return proofs


def view(memwhy, command, *arguments):
    """The JSON document of one heap command."""
    done = subprocess.run(
        [memwhy, "heap", command, *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == f"memwhy.heap.{command}/1"
    return document
