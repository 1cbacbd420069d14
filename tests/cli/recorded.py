# SPDX-License-Identifier: Apache-2.0
"""Records one of tests/targets and reads what the commands print, for the tests of the views."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MEMWHY_BUILD", ROOT / "build" / "release"))
MEMWHY = BUILD / "bin" / "memwhy"
AGENT = BUILD / "lib" / "libmemwhy_agent.so"


def need_build():
    """Skips the test where the programs are not built."""
    for program in (MEMWHY, AGENT):
        if not program.exists():
            pytest.skip(f"{program} is not built")


def memwhy(*arguments, expect=0):
    """Runs memwhy and returns its standard output."""
    done = subprocess.run(
        [str(MEMWHY), *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == expect, done.stderr
    return done.stdout


def memwhy_json(*arguments):
    return json.loads(memwhy(*arguments, "--json"))


def record(folder, target, *arguments):
    """Returns the session of one run of the target, and the truth that the target printed."""
    need_build()
    session = folder / f"{target}.mwy"
    program = [sys.executable, str(ROOT / "tests" / "targets" / f"{target}.py"), *arguments]
    done = subprocess.run(
        [str(MEMWHY), "run", "-o", str(session), "--", *program],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return session, json.loads(done.stdout.splitlines()[-1])
