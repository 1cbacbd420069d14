# SPDX-License-Identifier: Apache-2.0
"""memwhy.MemoryTraceHook in programs with torch: the program compares each field of each event with
what Python says in hooks of its own at the same places."""

import json
import os
import subprocess

import pytest
from conftest import ROOT, TARGETS
from test_heap_tensors import pythons_with_torch

PROGRAM = TARGETS / "trace_hook.py"
CALLS = 1000  # of a model with 11 modules: more than 10,000 calls of modules


def test_every_field_is_what_python_says():
    if not pythons_with_torch():
        pytest.skip("no CPython here has torch")
    for python in pythons_with_torch():
        done = subprocess.run(
            [python.path, "-W", "ignore", str(PROGRAM), str(CALLS)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": str(ROOT / "python"), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["compare"]["compared"] > 10_000
        assert said["compare"]["failures"] > 10
