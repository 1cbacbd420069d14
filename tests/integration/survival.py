# SPDX-License-Identifier: Apache-2.0
"""What the survival tests share: `memwhy run` over survival_target.py, and the promise checked.

The promise: a session holds every block that the program had taken until 200 ms before the kill.
The program itself notes each block's time, so what is missing is measured, not assumed.
MEMWHY_SEED repeats a run (its value is in the names of the cases).
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
from conftest import FULL, clean_environment, stats_of, wait_for

TARGET = Path(__file__).resolve().parent / "survival_target.py"
PROMISED_NS = 200_000_000  # what may be missing before a kill
SEED = int(os.environ.get("MEMWHY_SEED", time.time_ns() % 1_000_000))
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


class Run:
    """`memwhy run` over the target, and what the target has noted of itself.

    `before` stands before memwhy on the command line, `wrapped` before the target; `where` is the
    session's folder if it is another one.
    """

    def __init__(
        self,
        memwhy,
        folder,
        marked,
        seconds,
        pause,
        code=0,
        load="plain",
        before=(),
        wrapped=(),
        where=None,
        **popen,
    ):
        self.session, self.notes = (where or folder) / "s.mwy", folder / "notes"
        self._output, self._errors = folder / "out", folder / "err"
        target = [PYTHON, str(TARGET), str(self.notes), str(seconds), str(pause), str(code), load]
        with self._output.open("w") as stdout, self._errors.open("w") as stderr:
            self.recorder = subprocess.Popen(
                [*before, memwhy, "run", "-o", str(self.session), "--", *wrapped, *target],
                env=clean_environment(**marked),
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                **popen,
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
        return self._output.read_text()

    def errors(self):
        return self._errors.read_text()


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def check_session(memwhy, run, killed_ns):
    """The session holds the first blocks, with all that were taken in time. Returns its stats."""
    stats = stats_of(memwhy, run.session)
    pid = run.blocks()[0][1]
    sites = [
        site
        for site in stats["sites"]
        if site["pid"] == pid
        and site["allocator"] == "malloc"
        and site["stack"]
        and site["stack"][0]["function"] == "take"
        and site["stack"][0]["file"] == str(TARGET)
        and site["allocated"]["bytes"] >= 100_000  # ctypes may take a small one there
    ]
    blocks = sum(site["allocated"]["blocks"] for site in sites)
    taken = sum(site["allocated"]["bytes"] for site in sites)
    noted = [at for number, at in run.blocks() if number >= 0]
    in_time = sum(at <= killed_ns - PROMISED_NS for at in noted)
    before = [at for at in noted[blocks:] if at <= killed_ns]
    missing_ms = (killed_ns - before[0]) / 1e6 if before else 0
    print(f"noted {len(noted)}, promised {in_time}, recorded {blocks}, missing {missing_ms:.1f} ms")
    assert blocks >= in_time
    assert blocks <= len(noted) + 1  # one may have been taken and not noted
    assert taken == sum(100_000 + n for n in range(blocks)), "not the first blocks"
    freed = sum(site["released"]["blocks"] for site in sites)
    assert (blocks + 2) // 3 - 1 <= freed <= (blocks + 2) // 3
    return stats


def check_damage(stats):
    """A recorder killed while it writes leaves half a block; its ring still has what is in it."""
    damage = stats["session"]["damage"]
    assert damage is None or damage.startswith("the last block is cut off"), damage


def cases(full, short):
    """Seeds: `full` of them with MEMWHY_FULL_TESTS=1, else `short`."""
    for number in range(full if FULL else short):
        yield pytest.param(SEED + number, id=f"seed{SEED + number}")


def chosen(*seed):
    chance = random.Random("-".join(map(str, seed)))
    # A third right at the start; half of the programs take blocks as fast as they can.
    after = chance.uniform(0, 0.15) if chance.random() < 0.33 else chance.uniform(0.15, 2.5)
    return chance, after, chance.choice([0, 0.0005])
