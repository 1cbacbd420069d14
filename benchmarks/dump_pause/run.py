# SPDX-License-Identifier: Apache-2.0
"""Measures what a service feels of a heap dump, beside what memwhy said before.

    python benchmarks/dump_pause/run.py [--cases A,B] [--repeats N] [--pinned] [--json FILE]

Exit code 0, whatever the numbers are; 1 when a run failed; 3 without a built memwhy.
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
SCRATCH = ROOT / "build" / "bench-dump-pause"
sys.path.insert(0, str(ROOT / "benchmarks" / "overhead"))
import environment  # noqa: E402

CASES = {
    "bare": [],
    "objects-100": ["objects=1.2e6"],
    "objects-500": ["objects=6e6"],
    "busy-500": ["objects=6e6", "busy=1"],
    "blocks-1500": ["objects=3e6", "blocks=1250"],
    "pages-500": ["pages=500"],
    "pages-1500": ["pages=1500"],
    "huge-1500": ["huge=1500"],
    "sparse-4000": ["sparse=4000"],
    "mappings-20000": ["mappings=20000"],
    "torch-200": ["torch=200"],
}
PINNED = {
    "pinned-4096": ["objects=2e6", "pinned=4096"],
    "registered-4096": ["objects=2e6", "registered=4096"],
}
SHARE, EXTRA_MS = 0.30, 5.0
QUIET_S, QUIET_MS = 0.3, 2.5
QUIET_BUSY_MS = 8.0  # a thread that needs the GIL waits a switch interval for who computes
TRIES = 5  # of each round, until the machine is quiet before and after it


class RunFailed(Exception):
    """A command did not end well."""


class Target:
    """target.py under `memwhy run`; ends with the `with` block."""

    def __init__(self, memwhy, python, parts):
        self.memwhy = str(memwhy)
        self.session, self.dump_path = SCRATCH / "s.mwy", SCRATCH / "d.heap"
        shutil.rmtree(self.session, ignore_errors=True)
        command = [self.memwhy, "run", "-o", str(self.session), "--"]
        self.process = subprocess.Popen(
            [*command, str(python), str(HERE / "target.py"), *parts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line:
            raise RunFailed(self.process.communicate()[1][-300:])
        self.pid = json.loads(line)["pid"]
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.session, ignore_errors=True)
        self.dump_path.unlink(missing_ok=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["worst_ms"]

    def resident(self):
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024

    def quiet_gap(self):
        """The worst gap of a while without a dump: what the machine is good for just now."""
        self.ask("begin")
        time.sleep(QUIET_S)
        return self.ask("worst")

    def measure_round(self, *options):
        """The worst gap during a dump, those before and after it, and what the dump says of it."""
        quiet_ms = self.quiet_gap()
        self.ask("begin")
        self._run("heap", "dump", str(self.pid), "-o", str(self.dump_path), *options)
        gap_ms = self.ask("worst")
        quiet_ms = max(quiet_ms, self.quiet_gap())
        document = json.loads(
            self._run("heap", "types", str(self.dump_path), "--json", "--top", "1")
        )
        facts = document["dump"]
        return {
            "quiet_ms": quiet_ms,
            "gap_ms": gap_ms,
            "pause_ms": facts["pause_ms"],
            "predicted_ms": facts["predicted_pause_ms"],
            "method": facts["method"],
            "objects": facts["objects"],
        }

    def _run(self, *arguments):
        done = subprocess.run([self.memwhy, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise RunFailed(done.stderr[-300:])
        return done.stdout


def measure(memwhy, python, parts, repeats, *options):
    """Returns (resident bytes, rounds, rounds in which the machine was not quiet).

    All memory that is plain is written again before each.
    """
    quiet_ms = QUIET_BUSY_MS if any(part.startswith("busy") for part in parts) else QUIET_MS
    with Target(memwhy, python, parts) as target:
        rounds, loud = [], []
        while len(rounds) < repeats and len(rounds) + len(loud) < TRIES * repeats:
            target.ask("rewrite")
            found = target.measure_round(*options)
            (rounds if found["quiet_ms"] <= quiet_ms else loud).append(found)
        return target.resident(), rounds, loud


def is_near(predicted_ms, real_ms):
    return abs(predicted_ms - real_ms) <= max(SHARE * real_ms, EXTRA_MS)


HEAD = """\
| case | resident, MB | method | predicted, ms | pause, ms | worst gap, ms | gap without a dump, ms \
| predicted / pause | predicted / gap | gap within 30 % or 5 ms | loud rounds |
|---|---|---|---|---|---|---|---|---|---|---|"""


def render(name, resident, rounds, loud):
    if not rounds:
        return f"| {name} | the machine was never quiet in {len(loud)} rounds |"

    def middle(field):
        return statistics.median(row[field] for row in rounds)

    def ratio(field):
        shares = [row["predicted_ms"] / row[field] for row in rounds]
        return f"{statistics.median(shares):.2f} ({min(shares):.2f}-{max(shares):.2f})"

    near = sum(is_near(row["predicted_ms"], row["gap_ms"]) for row in rounds)
    return (
        f"| {name} | {resident / 1e6:,.0f} | {rounds[0]['method']} | {middle('predicted_ms'):.1f} "
        f"| {middle('pause_ms'):.1f} | {middle('gap_ms'):.1f} | {middle('quiet_ms'):.1f} "
        f"| {ratio('pause_ms')} | {ratio('gap_ms')} | {near} of {len(rounds)} | {len(loud)} |"
    )


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", help=f"of: {', '.join(CASES)} (default: all)")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of each case (default 7)")
    parser.add_argument("--pinned", action="store_true", help="4 GB of pinned pages as well")
    parser.add_argument("--in-place", action="store_true", help="no clone")
    parser.add_argument("--json", type=Path, help="write all rounds here")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    memwhy = environment.find_memwhy()
    if memwhy is None:
        print("needs a built memwhy (make build)", file=sys.stderr)
        return 3
    SCRATCH.mkdir(parents=True, exist_ok=True)
    python = os.environ.get("MEMWHY_BENCH_PYTHON", "/usr/bin/python3")
    cases = {**CASES, **(PINNED if arguments.pinned else {})}
    if arguments.cases:
        cases = {name: {**CASES, **PINNED}[name] for name in arguments.cases.split(",")}
    machine = environment.describe(python)
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    print(f"\nload average before: {os.getloadavg()[0]:.1f}; medians\n\n{HEAD}", flush=True)
    options = ["--in-place"] if arguments.in_place else []
    results, has_failed = {}, False
    for name, parts in cases.items():
        try:
            resident, rounds, loud = measure(memwhy, python, parts, arguments.repeats, *options)
        except RunFailed as error:
            if name.startswith("torch") and "No module named 'torch'" in str(error):
                print(f"| {name} | no torch for {python} |")
                continue
            print(f"| {name} | failed: {error} |", flush=True)
            has_failed = True
            continue
        results[name] = {"resident": resident, "rounds": rounds, "loud_rounds": loud}
        print(render(name, resident, rounds, loud), flush=True)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        document = {"machine": machine, "cases": results}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main())
