# SPDX-License-Identifier: Apache-2.0
"""A memory cgroup of our own, version 1 or 2, for a test; emptied and removed afterwards."""

import os
import signal
import time
from pathlib import Path


def _mount_point():
    """Returns the memory hierarchy's mount point and version, or None."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split()[:3]
        if kind == "cgroup" and "memory" in options.split(","):
            found[1] = before.split()[4]
        elif kind == "cgroup2":
            found[2] = before.split()[4]
    for version in (1, 2):
        if version in found:
            return Path(found[version]), version
    return None


class MemoryCgroup:
    """Use `with`; the constructor raises OSError with the reason where there can be none."""

    def __init__(self, limit_bytes):
        place = _mount_point()
        if place is None:
            raise OSError("no memory cgroup hierarchy is mounted")
        root, self.version = place
        self.path = root / f"memwhy-test-{os.getpid()}-{time.monotonic_ns()}"
        self.path.mkdir()
        try:
            if self.version == 1:
                (self.path / "memory.limit_in_bytes").write_text(str(limit_bytes))
            else:
                (self.path / "memory.max").write_text(str(limit_bytes))
                swap = self.path / "memory.swap.max"
                if swap.exists():
                    swap.write_text("0")
        except OSError:
            self.path.rmdir()
            raise
        self.procs = self.path / "cgroup.procs"

    def kill_as_group(self):
        """An OOM kill takes all processes of the cgroup. False: this version cannot."""
        switch = self.path / "memory.oom.group"
        if switch.exists():
            switch.write_text("1")
        return switch.exists()

    def oom_kills(self):
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        lines = (self.path / name).read_text().splitlines()
        return dict(line.split() for line in lines)["oom_kill"]

    def charged(self):
        name = "memory.usage_in_bytes" if self.version == 1 else "memory.current"
        return int((self.path / name).read_text())

    def pids(self):
        return [int(pid) for pid in self.procs.read_text().split()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        deadline = time.monotonic() + 20
        while (left := self.procs.read_text().split()) and time.monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)
        self.path.rmdir()
