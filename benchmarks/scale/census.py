# SPDX-License-Identifier: Apache-2.0
"""Measures `heap growth`'s census beside `heap dump --no-scan` of the same process, in one run.

    python benchmarks/scale/census.py [--sizes 1,5] [--repeats N] [--json FILE]

A round is one dump and one `heap growth` of two censuses, each round starting with the other one.
Prints medians, and the census as a share of the dump of the same round. Exit code 0, whatever the
numbers are; 1 when a run failed; 3 without a compiler or a built memwhy.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import dumps

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCRATCH = ROOT / "build" / "bench-scale"
sys.path.insert(0, str(ROOT / "benchmarks" / "overhead"))
import environment  # noqa: E402

CENSUSES = 2  # of one command
MIB = 1024 * 1024


def take_census(service):
    """Numbers of one census, as Service.dump has them of a dump."""
    before = service.children_cpu_s()
    text, _, usage = dumps.run(growth_command(service))
    clones_cpu_s = service.children_cpu_s() - before
    rounds = json.loads(text)["rounds"]
    if len(rounds) != CENSUSES or rounds[0]["objects"] < service.objects:
        raise dumps.RunFailed(f"the census is not whole: {rounds}")
    return {
        "objects": rounds[0]["objects"],
        "pause_ms": statistics.mean(r["pause_ms"] for r in rounds),
        "dump_s": statistics.mean(r["seconds"] for r in rounds),
        "dump_cpu_s": (usage.ru_utime + usage.ru_stime) / CENSUSES,
        "clone_cpu_s": clones_cpu_s / CENSUSES,
        "raw_bytes": rounds[0]["raw_bytes"],
        "file_bytes": 0,
    }


def growth_command(service):
    options = ["--every", "0", "--rounds", str(CENSUSES), "--json"]
    return [service.memwhy, "heap", "growth", str(service.pid), *options]


def measure(memwhy, python, objects, repeats):
    with dumps.Service(memwhy, python, objects, SCRATCH) as service:
        service.dump("--no-scan")  # the first one touches what the service has never touched
        rounds = {"dump": [], "census": []}
        jobs = [
            ("dump", lambda: service.dump("--no-scan")),
            ("census", lambda: take_census(service)),
        ]
        for _ in range(repeats):
            for name, job in jobs:
                rounds[name].append(job())
            jobs.append(jobs.pop(0))
        memory = {
            "dump": service.clone_memory("--no-scan"),
            "census": service.command_memory(growth_command(service)),
        }
        return {**rounds, "memory": memory}


def render(runs):
    """Returns the table: medians, and the median of the rounds' own ratios."""
    taken, census = runs["dump"], runs["census"]
    objects = census[0]["objects"]
    lines = [
        f"{objects:,} objects, {len(census)} rounds; medians (least and most)",
        "",
        "| fact | `heap dump --no-scan` | census | census / dump |",
        "|---|---|---|---|",
    ]
    facts = [
        ("pause, ms", "pause_ms", 1, "{:.2f}"),
        ("CPU time of the clone, ns/object", "clone_cpu_s", 1e9 / objects, "{:.0f}"),
        ("CPU time of the command, ms", "dump_cpu_s", 1e3, "{:.0f}"),
        ("seconds until the last byte", "dump_s", 1, "{:.2f}"),
        ("bytes out of the process, KiB", "raw_bytes", 1 / 1024, "{:,.0f}"),
        ("bytes on disk, KiB", "file_bytes", 1 / 1024, "{:,.0f}"),
    ]
    for fact, field, factor, form in facts:
        cells = [
            [run[field] * factor for run in side]
            for side in (taken, census)
        ]
        ratios = [c / d for d, c in zip(*cells) if d > 0]
        ratio = f"{statistics.median(ratios):.3f}" if ratios else "-"
        shown = " | ".join(with_range(values, form) for values in cells)
        lines.append(f"| {fact} | {shown} | {ratio} |")
    dirty = [runs["memory"][name] for name in ("dump", "census")]
    shown = [f"{m['private_dirty'] / MIB:.1f}" if m["samples"] else "unknown" for m in dirty]
    ratio = "-"
    if all(m["samples"] for m in dirty):
        ratio = f"{dirty[1]['private_dirty'] / dirty[0]['private_dirty']:.3f}"
    lines.append(f"| private memory of the clone, MiB | {shown[0]} | {shown[1]} | {ratio} |")
    return "\n".join(lines)


def with_range(values, form):
    middle = form.format(statistics.median(values))
    return f"{middle} ({form.format(min(values))}-{form.format(max(values))})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1,5", help="millions of objects (default 1,5)")
    parser.add_argument("--repeats", type=int, default=7, help="rounds (default 7)")
    parser.add_argument("--json", type=Path, help="write all runs here")
    arguments = parser.parse_args()
    compiler, memwhy = shutil.which("cc"), environment.find_memwhy()
    if compiler is None or memwhy is None:
        print("needs cc and a built memwhy (make build)", file=sys.stderr)
        return 3
    SCRATCH.mkdir(parents=True, exist_ok=True)
    source, library = HERE / "bare_clone.c", SCRATCH / "clone.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
    results = {}
    for size in arguments.sizes.split(","):
        print(f"\n## {size} M objects (load average before: {os.getloadavg()[0]:.1f})\n", flush=True)
        try:
            runs = measure(memwhy, sys.executable, int(float(size) * 1e6), arguments.repeats)
        except dumps.RunFailed as error:
            print(f"failed: {error}")
            return 1
        print(render(runs), flush=True)
        results[size] = runs
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
