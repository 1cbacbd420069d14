# SPDX-License-Identifier: Apache-2.0
"""How often the gate cries wolf, and what it misses.

A/A: the same program as baseline and candidate. Planted: 2 % of resident memory, 10 KiB and one
object per operation, one descriptor per 100 operations. Each case has one baseline for each kind of
workload, made in the same run. Printed: gates, answers by state, and for planted ones how many were
found and named at the planted line.

    python3 benchmarks/gate/run.py [--gates N] [--planted N]

Exit code 0; 1 if a gate could not be run.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
MEMWHY = os.environ.get("MEMWHY", HERE.parents[1] / "build" / "release" / "bin" / "memwhy")
KINDS = ("python", "threads")
LEVELS = [{"metric": "rss_peak", "increase": "1.5 %"}, {"metric": "heap_peak", "increase": "1 %"}]
GROWTH = [{"metric": "heap_live", "growth": 512}, {"metric": "python_blocks", "growth": 0.5}]
# Descriptors are looked at from outside, so this workload is slow and has budgets of its own.
DESCRIPTORS = [{"metric": "descriptors", "growth": 0}, {"metric": "threads", "growth": 0}]
PLANTED = {"level": (LEVELS, "rss_peak"), "object": (GROWTH, "python_blocks"),
           "bytes": (GROWTH, "heap_live"), "descriptor": (DESCRIPTORS, "descriptors")}


def gate(folder, what, *arguments, **variables):
    done = subprocess.run([MEMWHY, "gate", what, "-q", *arguments], cwd=folder, text=True,
                          capture_output=True, env={**os.environ, **variables})
    if done.returncode not in (0, 1, 4):
        sys.exit(f"gate {what}: {done.stderr}")
    return done.stdout


def write_plan(folder, budgets, slow):
    plan = {"workloads": [{
        "name": "work", "command": [sys.executable, str(HERE / "work.py")],
        "warm_up": 200, "operations": 700, "repeats": 2 if slow else 9,
        **({} if slow else {"mark": "request"}), "budgets": budgets}]}
    (folder / "memwhy.yaml").write_text(json.dumps(plan))


def planted_line(plant):
    marker = f"# PLANTED {plant}"
    lines = (HERE / "work.py").read_text().splitlines()
    return next((n for n, line in enumerate(lines, 1) if marker in line), None)


def is_named(budget, line):
    first = next((one["stack"] for one in budget["attribution"] if one["stack"]), [])
    return any(frame["line"] == line and frame["file"].endswith("work.py") for frame in first)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--gates", type=int, default=6, help="A/A, for each kind")
    parser.add_argument("--planted", type=int, default=3, help="for each kind and plant")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin = time.monotonic()
        states = collections.Counter()
        for kind in KINDS:
            write_plan(folder, LEVELS + GROWTH, False)
            gate(folder, "baseline", "--reason", "benchmark", KIND=kind)
            for _ in range(options.gates):
                states[json.loads(gate(folder, "run", "--json", KIND=kind))["state"]] += 1
        print(f"A/A: {sum(states.values())} gates: {dict(states)}; false alarms "
              f"{states['regress']}", flush=True)
        for plant, (budgets, metric) in PLANTED.items():
            found = named = gates = 0
            for kind in KINDS:
                write_plan(folder, budgets, plant == "descriptor")
                gate(folder, "baseline", "--reason", "benchmark", KIND=kind)
                for _ in range(options.planted):
                    document = json.loads(gate(folder, "run", "--json", KIND=kind, PLANT=plant))
                    budget = next(one for one in document["workloads"][0]["budgets"]
                                  if one["metric"] == metric)
                    gates += 1
                    found += budget["state"] == "regress"
                    named += is_named(budget, planted_line(plant))
            print(f"planted {plant:10}: {found} of {gates} found, {named} named at the line",
                  flush=True)
        print(f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
