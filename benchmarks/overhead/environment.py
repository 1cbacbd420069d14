# SPDX-License-Identifier: Apache-2.0
"""The environment that the benchmarks run in: build/bench-venv, made on first use.

A virtual environment over the system's packages (for numpy and torch) with the latest of what a
benchmark compares with: memray and pyperformance, or the heap tools of benchmarks/scale.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / "build" / "bench-venv"
# What is imported: what is installed for it.
RECORDERS = {"memray": "memray", "pyperformance": "pyperformance", "docutils": "docutils"}
HEAP_TOOLS = {"objgraph": "objgraph", "guppy": "guppy3", "pympler": "pympler"}


def prepare(packages=RECORDERS):
    """Returns the environment's python; makes what is not there of it and of the packages.

    MEMWHY_BENCH_PYTHON names the python to build on (default /usr/bin/python3). Raises
    CalledProcessError when it cannot be made.
    """
    python = VENV / "bin" / "python"
    if not python.exists():
        base = os.environ.get("MEMWHY_BENCH_PYTHON", "/usr/bin/python3")
        subprocess.run([base, "-m", "venv", "--system-site-packages", str(VENV)], check=True)
    missing = [name for module, name in packages.items() if not has_module(python, module)]
    if missing:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *missing], check=True)
    return python


def has_module(python, name):
    """Returns whether that python finds a module, without importing it."""
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({name!r}) is None)"
    return subprocess.run([str(python), "-c", code]).returncode == 0


def find_memwhy():
    """Returns the native command (MEMWHY_BIN, else build/release/bin/memwhy), or None."""
    chosen = os.environ.get("MEMWHY_BIN")
    command = Path(chosen) if chosen else ROOT / "build" / "release" / "bin" / "memwhy"
    return command if os.access(command, os.X_OK) else None


def describe(python, packages=("memray", "pyperformance", "numpy", "torch")):
    """Returns what the numbers depend on: machine, kernel, versions."""
    code = (
        "import importlib.metadata as m, json, platform\n"
        "found = {}\n"
        f"for name in {tuple(packages)!r}:\n"
        "    try: found[name] = m.version(name)\n"
        "    except m.PackageNotFoundError: found[name] = None\n"
        "print(platform.python_version(), json.dumps(found), sep='\\n')"
    )
    output = subprocess.run(
        [str(python), "-c", code], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": output[0],
        "packages": output[1],
    }


def _cpu_model():
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    print(prepare())
    sys.exit(0)
