# SPDX-License-Identifier: Apache-2.0
"""Where the built program is, and how the tests of this folder call it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MEMWHY_BUILD", ROOT / "build" / "release"))
MEMWHY = BUILD / "bin" / "memwhy"
AGENT = BUILD / "lib" / "libmemwhy_agent.so"


def python():
    """A CPython 3.11 that the agent records, or a skip with the reason."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        try:
            version = subprocess.run([candidate, "-c", "import sys; print(sys.version_info[:2])"],
                                     capture_output=True, text=True).stdout.strip()
        except OSError:
            continue
        if version == "(3, 11)":
            return candidate
    pytest.skip("no CPython 3.11 here")


def require_built():
    if not MEMWHY.exists():
        pytest.skip(f"{MEMWHY} is not built")


def require_agent():
    require_built()
    if not AGENT.exists():
        pytest.skip(f"{AGENT} is not built")


def memwhy(*arguments, **options):
    options.setdefault("timeout", 60)
    return subprocess.run([MEMWHY, *map(str, arguments)], capture_output=True, text=True, **options)
