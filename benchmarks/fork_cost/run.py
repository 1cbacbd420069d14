# SPDX-License-Identifier: Apache-2.0
"""Measures how long a fork takes, from the call to the end of the wait for the child.

Two programs stand side by side, one without a tool and one under `memwhy run`. They fork by turns,
when they are told, so that both meet the same machine.

    python benchmarks/fork_cost/run.py [--turns N] [--held MB] [--json FILE]

Exit code 0; 1 when a program failed; 3 without a built memwhy.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCRATCH = ROOT / "build" / "bench-fork-cost"
MEMWHY = Path(os.environ.get("MEMWHY_BIN", ROOT / "build" / "release" / "bin" / "memwhy"))

CHILDREN = ("does nothing", "allocates", "executes")
# Serves lines of its input: the kind of child; answers with seconds.
TARGET = """
import os, sys, time
held = bytearray(int(sys.argv[1]) * 1_000_000)
def fork(kind):
    begun = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        if kind == "allocates":
            block = bytearray(100_000)
        if kind == "executes":
            os.execv("/bin/true", ["true"])
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    return time.perf_counter() - begun
for line in sys.stdin:
    print(fork(line.strip()), flush=True)
"""


class Program:
    """One of the two, waiting for turns."""

    def __init__(self, before, held):
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", TARGET, str(held)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def turn(self, kind):
        self.process.stdin.write(kind + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        return self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=40, help="of each kind (default 40)")
    parser.add_argument("--held", type=int, default=50, help="MB that the parent holds (50)")
    parser.add_argument("--json", type=Path, help="write all times here")
    arguments = parser.parse_args()
    if not MEMWHY.is_file():
        print(f"{MEMWHY} is not built", file=sys.stderr)
        return 3
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    session = SCRATCH / "s.mwy"
    plain = Program([], arguments.held)
    recorded = Program([str(MEMWHY), "run", "-o", str(session), "--"], arguments.held)
    times = {kind: {"plain": [], "recorded": []} for kind in CHILDREN}
    for turn in range(arguments.turns + 1):
        for kind in CHILDREN:
            for name, program in (("plain", plain), ("recorded", recorded)):
                seconds = program.turn(kind)
                if turn > 0:  # the first one warms up
                    times[kind][name].append(seconds)
    failed = plain.end() != 0 or recorded.end() != 0
    print(f"{'child':<14}{'plain':>10}{'recorded':>10}{'more':>10}   (ms, medians)")
    for kind, pair in times.items():
        before, after = (statistics.median(pair[name]) * 1000 for name in ("plain", "recorded"))
        print(f"{kind:<14}{before:>10.2f}{after:>10.2f}{after - before:>10.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(times))
    shutil.rmtree(SCRATCH, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
