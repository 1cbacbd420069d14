# SPDX-License-Identifier: Apache-2.0
"""Profiles what recording costs per event, function by function, in the target and in the recorder.

One thread makes malloc and free calls (benchmarks/threads/churn.c) under `memwhy run` and perf, and
without memwhy. Prints nanoseconds of CPU time per event for each function of the agent, the C
library and the recorder that takes at least half a nanosecond, and the sums.

    python benchmarks/hot_path/run.py [--events N] [--objects]

With --objects the calls are CPython's own, of small dicts and tuples, under `run --objects`.
Exit code 0; 1 when a run failed; 3 without perf, a compiler or a built memwhy.
"""

import argparse
import collections
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCRATCH = ROOT / "build" / "bench-hot-path"
MEMWHY = Path(os.environ.get("MEMWHY_BIN", ROOT / "build" / "release" / "bin" / "memwhy"))
LEAST_NS = 0.5

NATIVE = """
import ctypes, sys
library, events = ctypes.CDLL(sys.argv[1]), int(sys.argv[2])
library.churn.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
library.churn.restype = ctypes.c_uint64
print(library.churn(events // 2, 1))
"""
# Two blocks per object of one attribute dict; taken and given back.
OBJECTS = """
import sys
def make(number):
    return [{"key": index} for index in range(number)]
for _ in range(int(sys.argv[2]) // 4000):
    make(1000)
"""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=32_000_000, help="(default 32M)")
    parser.add_argument("--objects", action="store_true", help="Python objects, run --objects")
    return parser.parse_args()


def cpu_seconds(command):
    """Returns the CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def events_of(session):
    document = subprocess.run(
        [str(MEMWHY), "stats", "--json", "--top", "0", str(session)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    totals = json.loads(document)["totals"]
    return totals["allocated"]["blocks"] + totals["released"]["blocks"]


def profile(data):
    """Returns {(command, library, function): share of all samples}."""
    text = subprocess.run(
        ["perf", "report", "-i", str(data), "--no-children", "-g", "none", "--stdio"]
        + ["--sort", "comm,dso,symbol", "--field-separator", "|", "--percent-limit", "0"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    shares = collections.Counter()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 4 or not cells[0].endswith("%"):
            continue
        function = cells[3].split("] ", 1)[-1].split("  ")[0]
        library = cells[2]
        if function.startswith("0x"):  # stripped: one row for the library
            function = "(no symbols)"
        shares[cells[1], library, function] += float(cells[0].rstrip("%")) / 100
    return shares


def main():
    arguments = parse_arguments()
    compiler = shutil.which("cc")
    if not compiler or not shutil.which("perf") or not os.access(MEMWHY, os.X_OK):
        print("needs perf, cc and a built memwhy (make build)", file=sys.stderr)
        return 3
    SCRATCH.mkdir(parents=True, exist_ok=True)
    library, session, data = SCRATCH / "churn.so", SCRATCH / "s.mwy", SCRATCH / "perf.data"
    source = ROOT / "benchmarks" / "threads" / "churn.c"
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True
    )
    shutil.rmtree(session, ignore_errors=True)
    program = [sys.executable, "-c", OBJECTS if arguments.objects else NATIVE]
    program += [str(library), str(arguments.events)]
    mode = ["--objects"] if arguments.objects else []
    recorded = [str(MEMWHY), "run", *mode, "-o", str(session), "--", *program]
    perf = ["perf", "record", "-q", "-F", "4000", "-o", str(data)]
    try:
        plain = cpu_seconds(program)
        traced = cpu_seconds(recorded)
        events = events_of(session)
        shutil.rmtree(session)
        subprocess.run([*perf, *recorded], check=True, stdout=subprocess.DEVNULL)
        shares = profile(data)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"failed: {error}")
        return 1
    finally:
        shutil.rmtree(session, ignore_errors=True)
    print(f"{events:,} events. CPU time per event: {plain / events * 1e9:.1f} ns without memwhy,")
    print(f"{traced / events * 1e9:.1f} ns under it, of which\n")
    sides = collections.Counter()
    print("| ns/event | process | library | function |")
    print("|---|---|---|---|")
    for (command, where, function), share in shares.most_common():
        cost = share * traced / events * 1e9
        sides["recorder" if command.startswith("memwhy") else "target"] += cost
        if cost >= LEAST_NS:
            print(f"| {cost:.1f} | {command} | {where} | {function[:60]} |")
    print(f"\ntarget {sides['target']:.1f} ns, recorder {sides['recorder']:.1f} ns per event")
    return 0


if __name__ == "__main__":
    sys.exit(main())
