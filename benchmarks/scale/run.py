# SPDX-License-Identifier: Apache-2.0
"""Measures heap dumps of 1 to 20 million objects, beside bare clones and other heap tools.

    python benchmarks/scale/run.py [--sizes 1,5,20] [--repeats N] [--limit S] [--json FILE]

Prints for each size what the dump costs, as a share of the limits in table.py, and what the other
tools cost on the same objects. Exit code 0, whatever the numbers are; 1 when a run failed or a dump
was not whole; 3 without a compiler or a built memwhy.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dumps
import table
from other_tool import CALLS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCRATCH = ROOT / "build" / "bench-scale"
sys.path.insert(0, str(ROOT / "benchmarks" / "overhead"))
import environment  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1,5", help="millions of objects (default 1,5)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of dumps (default 5)")
    parser.add_argument(
        "--limit", type=int, default=300, help="seconds for one call of another tool (300)"
    )
    parser.add_argument("--no-others", action="store_true", help="only memwhy and bare clones")
    parser.add_argument("--json", type=Path, help="write all runs here")
    arguments = parser.parse_args()
    arguments.sizes = [float(size) for size in arguments.sizes.split(",")]
    return arguments


def run_other(python, call, objects, limit_s):
    """Returns the numbers of other_tool.py; {"failed": why} when it ended badly or late."""
    command = [str(python), str(HERE / "other_tool.py"), call, str(objects)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return {"failed": f"over {limit_s} s, building the records among them"}
    if done.returncode != 0:
        return {"failed": f"exit {done.returncode}: {done.stderr.strip()[-100:]}"}
    return json.loads(done.stdout.splitlines()[-1])


def main():
    arguments = parse_arguments()
    compiler, memwhy = shutil.which("cc"), environment.find_memwhy()
    if compiler is None or memwhy is None:
        print("needs cc and a built memwhy (make build)", file=sys.stderr)
        return 3
    SCRATCH.mkdir(parents=True, exist_ok=True)
    library = SCRATCH / "clone.so"
    source = HERE / "bare_clone.c"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
    # Without the other tools whatever interpreter runs this is the one that is dumped.
    tools = {} if arguments.no_others else environment.HEAP_TOOLS
    python = sys.executable if arguments.no_others else environment.prepare(tools)
    machine = environment.describe(python, tools.values())
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    results = {"machine": machine, "sizes": {}}
    has_failed = False
    for size in arguments.sizes:
        objects = int(size * 1e6)
        load = os.getloadavg()[0]
        print(f"\n## {size:g} M objects (load average before: {load:.1f})\n", flush=True)
        try:
            runs = dumps.measure(memwhy, python, objects, arguments.repeats, SCRATCH)
        except dumps.RunFailed as error:
            print(f"failed: {error}", flush=True)
            has_failed = True
            continue
        print(table.render_dumps(runs), flush=True)
        others = {}
        if not arguments.no_others:
            others = {c: run_other(python, c, objects, arguments.limit) for c in CALLS}
            print("\n" + table.render_others(runs, others), flush=True)
        results["sizes"][f"{size:g}"] = {
            "load": load,
            "memwhy": runs,
            "others": others,
        }
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main())
