# SPDX-License-Identifier: Apache-2.0
"""Compares what recording costs with what it cost at another commit, in the same run.

Builds both commits in worktrees of a temporary folder. Each round runs each workload without a
tool, under the one and under the other memwhy, directly after one another, the two by turns first.
Prints, as medians over the rounds of the ratio within a round: the CPU time of an event, target and
recorder together; what recording adds to it; and the wall time that recording adds.

    python benchmarks/against_commit/run.py [--base COMMIT] [--rounds N] [--events N]
        [--workloads one_thread,...] [--base-bin FILE --new-bin FILE] [--json FILE]

Exit code 0; 1 when a run failed; 3 without a compiler, git, or a workload that can run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORKLOADS = ROOT / "benchmarks" / "overhead" / "workloads"
CHURN = ROOT / "benchmarks" / "threads" / "churn.c"
BASE = "b09d97e"
TARGETS = ["memwhy", "memwhy_agent"]

# Threads 0: in the main thread, the only one.
NATIVE = """
import ctypes, sys, threading
library, threads, blocks = ctypes.CDLL(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
library.churn.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
library.churn.restype = ctypes.c_uint64
sums = [0] * max(threads, 1)
def work(index):
    sums[index] = library.churn(blocks // len(sums), index)
if threads == 0:
    work(0)
else:
    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
print(sum(sums))
"""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default=BASE, help=f"the commit to compare with ({BASE})")
    parser.add_argument("--rounds", type=int, default=5, help="(default 5)")
    parser.add_argument("--events", type=int, default=32_000_000, help="of the native ones (32M)")
    parser.add_argument("--workloads", help="some of the table's, by comma (all that can run)")
    parser.add_argument("--base-bin", type=Path, help="a built memwhy of the base: not built here")
    parser.add_argument("--new-bin", type=Path, help="a built memwhy to compare: not built here")
    parser.add_argument("--json", type=Path, help="write all runs here")
    return parser.parse_args()


def build(commit, folder):
    """Returns memwhy of a commit, built in a worktree under `folder`."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", "--quiet", str(folder), commit], check=True)
    quiet = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL}
    subprocess.run(["cmake", "--preset", "release"], **quiet)
    command = ["cmake", "--build", "--preset", "release", "-j2", "--target", *TARGETS]
    subprocess.run(command, **quiet)
    return folder / "build" / "release" / "bin" / "memwhy"


def programs(scratch, events):
    """Returns name -> (command, events; 0: not counted) of the workloads that can run here."""
    found = {}
    compiler = shutil.which("cc")
    if compiler is not None:
        library = scratch / "churn.so"
        command = [compiler, "-O2", "-shared", "-fPIC", str(CHURN), "-o", str(library)]
        subprocess.run(command, check=True)
        for name, threads in (("one_thread", 0), ("one_of_two_threads", 1), ("four_threads", 4)):
            arguments = [str(library), str(threads), str(events // 2)]
            found[name] = [sys.executable, "-c", NATIVE, *arguments], events
    found["malloc_churn"] = [sys.executable, str(WORKLOADS / "malloc_churn.py")], 24_000_000
    has_torch = subprocess.run([sys.executable, "-c", "import torch"], capture_output=True)
    if has_torch.returncode == 0:
        found["torch_loop"] = [sys.executable, str(WORKLOADS / "torch_loop.py")], 0
    return found


def run(command):
    """Returns (CPU seconds of all its processes, seconds, output); of workloads that measure
    themselves their own seconds and checksum."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    seconds = time.perf_counter() - begun
    if output.startswith("{"):
        told = json.loads(output)
        seconds, output = told["seconds"], told["checksum"]
    return usage.ru_utime + usage.ru_stime, seconds, output


def one_round(command, tools, scratch, turn):
    """Returns name -> (CPU, wall, file bytes) of "none" and of each tool."""
    cpu, wall, expected = run(command)
    done = {"none": (cpu, wall, 0)}
    for name in sorted(tools, reverse=turn % 2 == 1):
        session = scratch / "s.mwy"
        shutil.rmtree(session, ignore_errors=True)
        cpu, wall, output = run([str(tools[name]), "run", "-o", str(session), "--", *command])
        if output != expected:
            raise RuntimeError("the program computed something else under memwhy")
        size = sum(file.stat().st_size for file in session.iterdir())
        done[name] = cpu, wall, size
    shutil.rmtree(session)
    return done


def middle(values, form="{:.2f}"):
    values = sorted(values)
    spread = "-".join(form.format(value) for value in (values[0], values[-1]))
    return f"{form.format(statistics.median(values))} ({spread})"


def print_table(rounds, events_of):
    print("| workload | CPU/event, base | new | new/base | added CPU, new/base |", end="")
    print(" added wall, new/base | wall, base | wall, new | bytes/event, base | new |")
    print("|---" * 10 + "|")
    for name, runs in rounds.items():
        events = events_of[name]

        def ratio(what, plain, runs=runs):
            parts = [
                (r["new"][what] - plain * r["none"][what], r["base"][what] - plain * r["none"][what])
                for r in runs
            ]
            return middle([new / base for new, base in parts if base > 0] or [float("nan")])

        cells = [name]
        for tool in ("base", "new"):
            cpu = statistics.median(r[tool][0] for r in runs)
            cells.append(f"{cpu / events * 1e9:.1f} ns" if events else f"{cpu:.2f} s in all")
        cells += [ratio(0, 0), ratio(0, 1), ratio(1, 1)]
        for tool in ("base", "new"):
            cells.append(middle([r[tool][1] / r["none"][1] for r in runs]) + "x")
        for tool in ("base", "new"):
            size = statistics.median(r[tool][2] for r in runs)
            cells.append(f"{size / events:.2f}" if events else f"{size:,} in all")
        print("| " + " | ".join(cells) + " |")


def compare(arguments, scratch, tools):
    found = programs(scratch, arguments.events)
    if arguments.workloads:
        wanted = arguments.workloads.split(",")
        found = {name: found[name] for name in wanted if name in found}
    if not found:
        print("no workload can run here", file=sys.stderr)
        return 3
    print(f"load before: {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    rounds = {name: [] for name in found}
    try:
        for turn in range(arguments.rounds):
            for name, (command, _) in found.items():
                rounds[name].append(one_round(command, tools, scratch, turn))
    except RuntimeError as error:
        print(f"failed: {error}")
        return 1
    print(f"load after: {os.getloadavg()[0]:.1f}; {arguments.rounds} rounds; medians (range)\n")
    print_table(rounds, {name: events for name, (_, events) in found.items()})
    if arguments.json:
        arguments.json.write_text(json.dumps(rounds, indent=2) + "\n", encoding="utf-8")
    return 0


def main():
    arguments = parse_arguments()
    needed = ["git", "cmake"] if not (arguments.base_bin and arguments.new_bin) else []
    if any(shutil.which(tool) is None for tool in needed):
        print("needs git and cmake to build both commits", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="memwhy-against-") as folder:
        scratch = Path(folder)
        worktrees = []
        try:
            tools = {}
            chosen = (("base", arguments.base_bin, arguments.base), ("new", arguments.new_bin, "HEAD"))
            for name, binary, commit in chosen:
                if binary is None:
                    worktrees.append(scratch / name)
                    binary = build(commit, scratch / name)
                tools[name] = binary.resolve()
            return compare(arguments, scratch, tools)
        finally:
            for worktree in worktrees:
                command = ["git", "-C", str(ROOT), "worktree", "remove", "--force", str(worktree)]
                subprocess.run(command, check=False)


if __name__ == "__main__":
    sys.exit(main())
