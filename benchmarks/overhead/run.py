# SPDX-License-Identifier: Apache-2.0
"""Measures what recording costs: no tool, `memwhy run` and `memray run`, interleaved.

Each round runs every workload once under each tool, one after the other, starting with another
tool each round. Both tools write a real file on disk, in their default mode, or with --objects
following every Python object (memray: --trace-python-allocators).

    python benchmarks/overhead/run.py [--set own|memray|all] [--objects] [--quick] [--repeats N]
                                      [--workloads a,b] [--json FILE]

Exit code 0; 1 when a run failed or a tool changed a workload's result; 3 when the environment
cannot be made. Without a built memwhy it says so and measures the other two.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import environment
import table
import tools

HERE = Path(__file__).resolve().parent
SCRATCH = environment.ROOT / "build" / "bench-overhead"
# Our own, each a script of its own.
OWN = (
    "object_churn",
    "malloc_churn",
    "deep_calls",
    "json_roundtrip",
    "numpy_ops",
    "regex_text",
    "async_tasks",
    "torch_loop",
)
# The set that memray's own benchmarks consist of, from pyperformance: loops, arguments.
PYPERFORMANCE = {
    "async_tree": (2, "none"),
    "deltablue": (400,),
    "docutils": (1,),
    "fannkuch": (3,),
    "go": (9,),
    "hexiom": (180,),
    "json_dumps": (90,),
    "json_loads": (2500,),
    "mdp": (1,),
    "meteor_contest": (12,),
    "nbody": (11,),
    "nqueens": (9,),
    "pickle": (6000, "pickle"),
    "pprint": (1,),
    "raytrace": (6,),
    "regex_dna": (9,),
    "regex_effbot": (36,),
    "regex_v8": (85,),
    "spectral_norm": (18,),
    "sqlite_synth": (600_000,),
    "telco": (260,),
}
WORKLOADS = {name: [str(HERE / "workloads" / f"{name}.py")] for name in OWN}
for case, arguments in PYPERFORMANCE.items():
    script = str(HERE / "workloads" / "pyperformance_case.py")
    WORKLOADS[case] = [script, case, *map(str, arguments)]
SETS = {
    "own": list(OWN),
    "memray": [*PYPERFORMANCE, "torch_loop"],
    "all": [*OWN, *PYPERFORMANCE],
}
NEEDS = {"numpy_ops": "numpy", "torch_loop": "torch", "docutils": "docutils"}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, help="rounds (default 5, with --quick 2)")
    parser.add_argument("--quick", action="store_true", help="2 rounds")
    parser.add_argument("--set", choices=SETS, default="own", help="which workloads (own)")
    parser.add_argument("--workloads", help="comma-separated names instead of a set")
    parser.add_argument("--objects", action="store_true", help="follow every Python object")
    parser.add_argument("--without", choices=(tools.MEMWHY, tools.MEMRAY), help="leave a tool out")
    parser.add_argument("--json", type=Path, help="write all runs and the summary here")
    arguments = parser.parse_args()
    arguments.repeats = arguments.repeats or (2 if arguments.quick else 5)
    chosen = arguments.workloads.split(",") if arguments.workloads else SETS[arguments.set]
    unknown = sorted(set(chosen) - set(WORKLOADS))
    if unknown:
        parser.error(f"unknown workloads: {', '.join(unknown)}; known: {', '.join(WORKLOADS)}")
    arguments.workloads = chosen
    return arguments


def say(text):
    print(text, file=sys.stderr, flush=True)


def runnable(workloads, python):
    """Returns the workloads whose modules are there; says which are left out and why."""
    left = []
    for name in workloads:
        module = NEEDS.get(name)
        if module and not environment.has_module(python, module):
            say(f"{name}: left out, this python has no {module}")
        else:
            left.append(name)
    return left


def measure(python, memwhy, workloads, order, repeats, has_objects):
    """Returns ({workload: {tool: [numbers]}}, [failures]). A failed run leaves its tool out of
    that round."""
    runs = {workload: {tool: [] for tool in order} for workload in workloads}
    failures = []
    for turn in range(repeats):
        start = turn % len(order)
        for workload in workloads:
            this_round = {}
            for tool in order[start:] + order[:start]:
                output = SCRATCH / f"{workload}.{tool}"
                how = tools.Tool(tool, python, memwhy, has_objects)
                try:
                    this_round[tool] = tools.run(how, WORKLOADS[workload], output)
                except tools.RunFailed as failure:
                    failures.append(str(failure))
                    say(f"failed: {failure}")
            failures += changed_results(workload, this_round)
            for tool, numbers in this_round.items():
                runs[workload][tool].append({"round": turn, **numbers})
            shown = ", ".join(f"{t} {n['seconds']:.2f} s" for t, n in this_round.items())
            say(f"round {turn + 1}/{repeats} {workload}: {shown}")
    return {name: by_tool for name, by_tool in runs.items() if by_tool[tools.NONE]}, failures


def changed_results(workload, this_round):
    """Returns one failure for each tool under which the workload computed something else."""
    if tools.NONE not in this_round:
        return []
    expected = this_round[tools.NONE]["checksum"]
    return [
        f"{workload} under {tool}: checksum {numbers['checksum']}, without a tool {expected}"
        for tool, numbers in this_round.items()
        if numbers["checksum"] != expected
    ]


def main():
    arguments = parse_arguments()
    try:
        python = environment.prepare()
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"the benchmark environment could not be made: {error}")
        return 3
    order = [tool for tool in (tools.NONE, tools.MEMWHY, tools.MEMRAY) if tool != arguments.without]
    memwhy = environment.find_memwhy()
    if tools.MEMWHY in order and memwhy is None:
        say("memwhy is not built (no build/release/bin/memwhy): measuring without it")
        order.remove(tools.MEMWHY)
    load_at_start = os.getloadavg()[0]
    if load_at_start > 0.5:
        say(f"the machine is not idle (load {load_at_start:.1f}): expect wide ranges")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    workloads = runnable(arguments.workloads, python)
    runs, failures = measure(python, memwhy, workloads, order, arguments.repeats, arguments.objects)
    machine = {**environment.describe(python), "load_at_start": load_at_start}
    summary = table.summarise(runs)
    print(
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, "
        f"Python {machine['python']}, {machine['packages']}, {arguments.repeats} rounds, "
        f"{'every object' if arguments.objects else 'default mode'}, "
        f"load at start {load_at_start:.1f}\n"
    )
    print(table.render(summary))
    if arguments.json:
        document = {"machine": machine, "summary": summary, "runs": runs, "failures": failures}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for failure in failures:
        print(f"failed: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
