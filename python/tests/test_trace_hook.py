# SPDX-License-Identifier: Apache-2.0
"""MemoryTraceHook without torch: its arguments, and that the package does not import torch.

tests/integration/test_torch_trace_hook.py has the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

import memwhy

PACKAGE_ROOT = Path(memwhy.__file__).resolve().parent.parent


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_ring_has_room(capacity):
    with pytest.raises(ValueError, match="capacity"):
        memwhy.MemoryTraceHook(capacity=capacity)


@pytest.mark.parametrize("capacity", ["8", 1.5, True, None])
def test_a_capacity_is_a_number(capacity):
    with pytest.raises(TypeError, match="capacity"):
        memwhy.MemoryTraceHook(capacity=capacity)


def test_without_torch_the_hook_is_made_but_not_installed():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "import memwhy\n"
        "hook = memwhy.MemoryTraceHook()\n"
        "assert hook.events() == [] and hook.summary() == [] and hook.lost == 0\n"
        "hook.remove()\n"
        "try:\n"
        "    hook.install()\n"
        "except ImportError:\n"
        "    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PACKAGE_ROOT)},
    )
    assert done.stdout == "refused\n", done.stderr


def test_importing_memwhy_imports_no_torch():
    script = "import sys, memwhy; print('torch' in sys.modules, 'memwhy._trace_hook' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PACKAGE_ROOT)},
    )
    assert done.stdout == "False False\n", done.stderr
