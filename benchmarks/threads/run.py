# SPDX-License-Identifier: Apache-2.0
"""Measures the CPU time of an event when many threads allocate at the same time.

The same number of malloc and free calls is made by 1, 4 and 16 threads, without a tool and under
`memwhy run`, interleaved. What recording costs per event is the CPU time of the target and the
recorder together, less that of the same work without a tool, per event; and the whole CPU time per
event under memwhy, work included.

    python benchmarks/threads/run.py [--events N] [--repeats N] [--threads 1,4,16] [--json FILE]

Exit code 0; 1 when a run failed; 3 without a compiler or a built memwhy.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCRATCH = ROOT / "build" / "bench-threads"
MEMWHY = Path(os.environ.get("MEMWHY_BIN", ROOT / "build" / "release" / "bin" / "memwhy"))

TARGET = """
import ctypes, sys, threading
library, threads, blocks = ctypes.CDLL(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
library.churn.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
library.churn.restype = ctypes.c_uint64
sums = [0] * threads
def work(index):
    sums[index] = library.churn(blocks // threads, index)
workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print(sum(sums))
"""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=32_000_000, help="of a run (default 32M)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--threads", default="1,4,16", help="numbers of threads (1,4,16)")
    parser.add_argument("--json", type=Path, help="write all runs here")
    arguments = parser.parse_args()
    arguments.threads = [int(number) for number in arguments.threads.split(",")]
    return arguments


def run(command):
    """Returns (CPU seconds of all its processes, wall seconds, output)."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - begun, output


def measure(library, threads, blocks):
    """Returns the CPU and wall seconds of one round without and with memwhy."""
    program = [sys.executable, "-c", TARGET, str(library), str(threads), str(blocks)]
    session = SCRATCH / "s.mwy"
    shutil.rmtree(session, ignore_errors=True)
    plain, plain_wall, expected = run(program)
    traced, traced_wall, found = run([str(MEMWHY), "run", "-o", str(session), "--", *program])
    size = sum(file.stat().st_size for file in session.iterdir())
    shutil.rmtree(session)
    if found != expected:
        raise RuntimeError("the program computed something else under memwhy")
    return {
        "plain_cpu": plain,
        "traced_cpu": traced,
        "plain_wall": plain_wall,
        "traced_wall": traced_wall,
        "file_bytes": size,
    }


def main():
    arguments = parse_arguments()
    compiler = shutil.which("cc")
    if compiler is None or not os.access(MEMWHY, os.X_OK):
        print("needs cc and a built memwhy (make build)", file=sys.stderr)
        return 3
    SCRATCH.mkdir(parents=True, exist_ok=True)
    library = SCRATCH / "churn.so"
    source = HERE / "churn.c"
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True
    )
    rounds = {threads: [] for threads in arguments.threads}
    try:
        for _ in range(arguments.repeats):
            for threads in arguments.threads:
                rounds[threads].append(measure(library, threads, arguments.events // 2))
    except RuntimeError as error:
        print(f"failed: {error}")
        return 1
    events = arguments.events
    print(f"{events:,} events, {arguments.repeats} rounds, {os.cpu_count()} cores; medians\n")
    print("| threads | CPU none, ns/event | memwhy, ns/event | memwhy adds | wall | bytes/event |")
    print("|---|---|---|---|---|---|")
    whole, added = {}, {}
    for threads, runs in rounds.items():
        plain = statistics.median(r["plain_cpu"] for r in runs) / events * 1e9
        whole[threads] = statistics.median(r["traced_cpu"] for r in runs) / events * 1e9
        added[threads] = (
            statistics.median(r["traced_cpu"] - r["plain_cpu"] for r in runs) / events * 1e9
        )
        wall = statistics.median(r["traced_wall"] / r["plain_wall"] for r in runs)
        size = statistics.median(r["file_bytes"] for r in runs) / events
        print(
            f"| {threads} | {plain:.1f} | {whole[threads]:.1f} | {added[threads]:.1f} "
            f"| {wall:.2f}x | {size:.2f} |"
        )
    first, last = arguments.threads[0], arguments.threads[-1]
    print(
        f"\nCPU of an event, target and recorder, {last} threads / {first}: "
        f"{whole[last] / whole[first]:.2f}; of what memwhy adds: {added[last] / added[first]:.2f}"
    )
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(rounds, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
