# SPDX-License-Identifier: Apache-2.0
"""The recorded Python stacks against the interpreter's own, over every shape of stack we know.

100,000 blocks on each CPython; 1,000,000 with MEMWHY_FULL_TESTS=1.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, FULL, build_extension, clean_environment

FOLDER = Path(__file__).resolve().parent / "stack_truth"
OPS = 1_000_000 if FULL else 100_000


def test_every_stack_is_the_interpreters(python, memwhy, tmp_path, marked):
    compare = BUILD / "bin" / "stack_truth_compare"
    if not compare.is_file():
        pytest.skip(f"{compare} is not built")
    build_extension(python, FOLDER / "truth.c", tmp_path)
    session, notes = tmp_path / "s.mwy", tmp_path / "notes"
    command = [python.path, str(FOLDER / "driver.py"), str(notes), "--ops", str(OPS)]
    recorded = subprocess.run(
        [memwhy, "run", "-o", str(session), "--", *command],
        env=clean_environment(PYTHONPATH=str(tmp_path), **marked),
        capture_output=True,
        text=True,
        timeout=1800 if FULL else 300,
    )
    assert recorded.returncode == 0, recorded.stderr
    compared = subprocess.run(
        [str(compare), str(session), str(notes)], capture_output=True, text=True, timeout=900
    )
    print(compared.stdout, compared.stderr)
    shutil.rmtree(session)
    notes.unlink()
    assert compared.returncode == 0, compared.stdout + compared.stderr
