# SPDX-License-Identifier: Apache-2.0
"""Measures what an object period costs the program that it is in.

One process under `memwhy run`, with periods and pauses of the same length by turns. Printed are the
medians of its operations per CPU second in both, and their ratio.

    python benchmarks/object_period/run.py [--rounds N] [--seconds S]

Exit code 0; 1 when a period did not go well; 3 without a built memwhy.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCRATCH = ROOT / "build" / "bench-object-period"
BIN = ROOT / "build" / "release" / "bin"
SETTLES_S = 0.7  # a line of the program may be of both before it


def switch(pid, what):
    done = subprocess.run([BIN / "object_switch", str(pid), what], capture_output=True, text=True)
    error = json.loads(done.stdout)["error"]
    if error:
        sys.exit(f"object_period: {what}: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    if not (BIN / "memwhy").exists() or not (BIN / "object_switch").exists():
        print("object_period: build memwhy first (make build)", file=sys.stderr)
        return 3
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    process = subprocess.Popen(
        [BIN / "memwhy", "run", "-o", SCRATCH / "s.mwy", "--", sys.executable, HERE / "program.py"],
        stdout=subprocess.PIPE,
        text=True,
    )
    rates = {"on": [], "off": [], None: []}
    phase = [None]
    first = process.stdout.readline()
    reader = threading.Thread(
        target=lambda: [rates[phase[0]].append(float(line)) for line in process.stdout]
    )
    reader.start()
    try:
        assert first
        (pid,) = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(options.rounds):
            for what, name in ("begin", "on"), ("end", "off"):
                phase[0] = None
                switch(pid, what)
                time.sleep(SETTLES_S)
                phase[0] = name
                time.sleep(options.seconds)
    finally:
        process.terminate()
        process.wait()
        reader.join()
        shutil.rmtree(SCRATCH, ignore_errors=True)
    on, off = (statistics.median(rates[name]) for name in ("on", "off"))
    print(f"without a period {off:,.0f} operations per CPU second, in one {on:,.0f}: {on / off:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
