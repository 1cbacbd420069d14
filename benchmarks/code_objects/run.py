# SPDX-License-Identifier: Apache-2.0
"""Measures what recording costs a program that compiles code all the time.

Each round runs program.py plain, under `memwhy run` and under `memwhy run --objects`, one directly
after the other, starting with another one each round. Printed are medians over the rounds of the
ratios recorded / plain of the same round: of the seconds of the work, and of the CPU seconds that
the program itself took (the recorder runs beside it); the recorder's CPU seconds; bytes on disk.

    python benchmarks/code_objects/run.py [--code-objects N] [--repeats N] [--shapes a,b] [--json FILE]

Exit code 0; 1 when a run failed or computed something else; 3 without a built memwhy.
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
SCRATCH = ROOT / "build" / "bench-code-objects"
MEMWHY = Path(os.environ.get("MEMWHY_BIN", ROOT / "build" / "release" / "bin" / "memwhy"))
PLAIN, DEFAULT, OBJECTS = "plain", "run", "run --objects"
WAYS = {PLAIN: [], DEFAULT: ["run"], OBJECTS: ["run", "--objects"]}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--code-objects", type=int, default=300_000, help="(default 300,000)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--shapes", default="same,fresh,functions", help="of program.py")
    parser.add_argument("--json", type=Path, help="write all runs here")
    arguments = parser.parse_args()
    arguments.shapes = arguments.shapes.split(",")
    return arguments


def run(way, shape, count):
    """Returns the numbers of one run; the recorder's CPU seconds are those beside the program's."""
    session = SCRATCH / "s.mwy"
    shutil.rmtree(session, ignore_errors=True)
    command = [sys.executable, str(HERE / "program.py"), shape, str(count)]
    if WAYS[way]:
        command = [str(MEMWHY), *WAYS[way], "-o", str(session), "--", *command]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    output = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{shape} under {way} ended with {process.returncode}")
    numbers = json.loads(output.splitlines()[-1])
    numbers["other_cpu_seconds"] = usage.ru_utime + usage.ru_stime - numbers["cpu_seconds"]
    numbers["file_bytes"] = 0
    if session.exists():
        numbers["file_bytes"] = sum(file.stat().st_size for file in session.iterdir())
        shutil.rmtree(session)
    return numbers


def measure(shape, count, repeats):
    """Returns {way: [numbers of each round]}."""
    runs = {way: [] for way in WAYS}
    order = list(WAYS)
    for turn in range(repeats):
        start = turn % len(order)
        for way in order[start:] + order[:start]:
            runs[way].append(run(way, shape, count))
        results = {runs[way][turn]["checksum"] for way in order}
        if len(results) != 1:
            raise RuntimeError(f"{shape} computed something else under memwhy: {results}")
    return runs


def ratios(runs, way, number):
    return [mine[number] / plain[number] for mine, plain in zip(runs[way], runs[PLAIN])]


def spread(values):
    return f"{statistics.median(values):.2f}x ({min(values):.2f}-{max(values):.2f})"


def main():
    arguments = parse_arguments()
    if not os.access(MEMWHY, os.X_OK):
        print("needs a built memwhy (make build)", file=sys.stderr)
        return 3
    SCRATCH.mkdir(parents=True, exist_ok=True)
    try:
        runs = {
            shape: measure(shape, arguments.code_objects, arguments.repeats)
            for shape in arguments.shapes
        }
    except (OSError, RuntimeError) as error:
        print(f"failed: {error}")
        return 1
    print(
        f"{arguments.code_objects:,} code objects, {arguments.repeats} rounds, "
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; medians (lowest-highest)\n"
    )
    print("| code | command | plain, s | time | CPU of the program | recorder, CPU s | file |")
    print("|---|---|---|---|---|---|---|")
    for shape, ways in runs.items():
        plain = statistics.median(numbers["seconds"] for numbers in ways[PLAIN])
        beside = statistics.median(numbers["other_cpu_seconds"] for numbers in ways[PLAIN])
        for way in (DEFAULT, OBJECTS):
            other = statistics.median(numbers["other_cpu_seconds"] for numbers in ways[way])
            size = statistics.median(numbers["file_bytes"] for numbers in ways[way])
            print(
                f"| {shape} | {way} | {plain:.2f} | {spread(ratios(ways, way, 'seconds'))} "
                f"| {spread(ratios(ways, way, 'cpu_seconds'))} | {other - beside:.2f} "
                f"| {size:,.0f} |"
            )
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
