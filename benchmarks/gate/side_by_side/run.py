# SPDX-License-Identifier: Apache-2.0
"""Twelve tests with a planted leak or none, by memwhy's pytest plugin, pytest-memray and psleak.

Each test of each tool runs in a process of its own, with the tool's own defaults where it has them.
pytest-memray has none for the limit of its marker: it runs with the one that its documentation
shows (1 MB), and with one below the smallest leak of these cases.
Printed: the answer of each tool to each case, hits and false alarms, and the seconds of its tests.

    python3 benchmarks/gate/side_by_side/run.py [--rounds N] [--cases a,b]

Exit code 0; 1 if a tool could not run a case; 3 without a compiler.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "overhead"))
import environment  # noqa: E402

# Import name: what is installed for it.
PACKAGES = {"memray": "memray==1.20.0", "pytest_memray": "pytest-memray==1.11.0",
            "psleak": "psleak==0.1.6", "Cython": "cython==3.3.1", "pytest": "pytest"}
TOOLS = {
    "memwhy": (["-p", "memwhy.pytest_plugin", "-p", "no:memray"], {}),
    "memray 1 MB": (["--memray", "--trace-python-allocators"], {"LIMIT": "1 MB"}),
    "memray 2 KB": (["--memray", "--trace-python-allocators"], {"LIMIT": "2 KB"}),
    "psleak": (["-p", "no:memray"], {"PYTHONMALLOC": "malloc", "PYTHONUNBUFFERED": "1"}),
}
LIMIT_S = 300


def build(python, folder):
    """Compiles both extensions into `folder`, for that python."""
    def ask(code):
        return subprocess.run([python, "-c", code], check=True, capture_output=True,
                              text=True).stdout.strip()

    include = ask("import sysconfig; print(sysconfig.get_path('include'))")
    suffix = ask("import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))")
    subprocess.run([python, "-m", "cython", HERE / "compiled.pyx", "-o", folder / "compiled.c"],
                   check=True)
    for source in (HERE / "native.c", folder / "compiled.c"):
        subprocess.run(["cc", "-O1", "-g", "-shared", "-fPIC", f"-I{include}", source, "-o",
                        folder / (source.stem + suffix)], check=True)


def answer(python, tool, case, folder):
    """"leaks" or "clean", or what else came out, and seconds."""
    arguments, variables = TOOLS[tool]
    paths = [str(folder), str(HERE), str(ROOT / "python")]
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments,
               f"cases_for_{tool.split()[0]}.py::test_case[{case}]"]
    begin = time.monotonic()
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=LIMIT_S,
                              env={**os.environ, **variables, "PYTHONPATH": ":".join(paths),
                                   "PYTHONDONTWRITEBYTECODE": "1"})
    except subprocess.TimeoutExpired:
        return f"not done after {LIMIT_S} s", time.monotonic() - begin
    seconds = time.monotonic() - begin
    if done.returncode not in (0, 1) or " skipped" in done.stdout or " error" in done.stdout:
        print(done.stdout[-2000:], done.stderr[-500:], file=sys.stderr)
        return "failed to run", seconds
    return ("clean", "leaks")[done.returncode], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cases", help="some of them, by comma (all)")
    options = parser.parse_args()
    if shutil.which("cc") is None:
        print("side_by_side: needs a C compiler (cc)", file=sys.stderr)
        return 3
    python = environment.prepare(PACKAGES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(python, folder)
        return compare(python, folder, options)


def compare(python, folder, options):
    code = "import cases; print(*(f'{c.__name__} {leaks:d}' for c, leaks in cases.CASES.items()))"
    told = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": f"{folder}:{HERE}"}).stdout.split()
    cases = dict(zip(told[::2], (leaks == "1" for leaks in told[1::2])))
    wanted = options.cases.split(",") if options.cases else list(cases)
    tools = list(TOOLS)
    hits, alarms, spent = ({tool: 0 for tool in tools} for _ in range(3))
    broken = False
    print(f"{'case':32} {'truth':6}", *(f"{tool:>14}" for tool in tools))
    for turn in range(options.rounds):
        for case in wanted:
            row = []
            for tool in tools[turn % len(tools):] + tools[:turn % len(tools)]:
                said, seconds = answer(python, tool, case, folder)
                spent[tool] += seconds
                hits[tool] += cases[case] and said == "leaks"
                alarms[tool] += not cases[case] and said == "leaks"
                broken |= said == "failed to run"
                row.append((tools.index(tool), said))
            print(f"{case:32} {'leaks' if cases[case] else 'clean':6}",
                  *(f"{said:>14}" for _, said in sorted(row)), flush=True)
    leaking = sum(cases[case] for case in wanted) * options.rounds
    clean = len(wanted) * options.rounds - leaking
    print(f"{'hits':39}", *(f"{f'{hits[tool]} of {leaking}':>14}" for tool in tools))
    print(f"{'false alarms':39}", *(f"{f'{alarms[tool]} of {clean}':>14}" for tool in tools))
    print(f"{'seconds':39}", *(f"{spent[tool]:14.0f}" for tool in tools))
    print(f"{'seconds, as a ratio to memwhy':39}",
          *(f"{spent[tool] / spent['memwhy']:14.2f}" for tool in tools))
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
