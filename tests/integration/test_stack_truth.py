# SPDX-License-Identifier: Apache-2.0
"""The recorded Python stacks against the interpreter's own, over every shape of stack we know.

100,000 blocks on each CPython, fewer where a family needs packages or interpreters of its own;
1,000,000 and 200,000 with MEMWHY_FULL_TESTS=1.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, FULL, build_extension, clean_environment

FOLDER = Path(__file__).resolve().parent / "stack_truth"
GREENLETS = Path(os.environ.get("MEMWHY_PACKAGES", Path.home() / ".cache/memwhy/greenlets"))


def compare(python, memwhy, folder, marked, family, blocks, packages="", only=None):
    """Records the driver's family and compares; returns what the comparison printed."""
    judge = BUILD / "bin" / "stack_truth_compare"
    if not judge.is_file():
        pytest.skip(f"{judge} is not built")
    build_extension(python, FOLDER / "truth.c", folder)
    session, notes = folder / "s.mwy", folder / "notes"
    command = [python.path, str(FOLDER / "driver.py"), str(notes), "--family", family]
    command += ["--only", only] if only else []
    recorded = subprocess.run(
        [memwhy, "run", "-o", str(session), "--", *command, "--ops", str(blocks)],
        env=clean_environment(PYTHONPATH=f"{folder}:{packages}", **marked),
        capture_output=True,
        text=True,
        timeout=1800 if FULL else 300,
    )
    assert recorded.returncode == 0, recorded.stderr
    compared = subprocess.run(
        [str(judge), str(session), str(notes)], capture_output=True, text=True, timeout=900
    )
    print(compared.stdout, compared.stderr)
    shutil.rmtree(session)
    notes.unlink()
    assert compared.returncode == 0, compared.stdout + compared.stderr
    return compared.stdout


def greenlets_for(python):
    """The folder with greenlet and gevent for this CPython; skips where there is none."""
    folder = GREENLETS / python.minor
    if not (folder / "pins").is_file():
        log = Path(f"{folder}.log")
        why = log.read_text()[-300:] if log.is_file() else "scripts/fetch_greenlets brings them"
        pytest.skip(f"no greenlet and gevent for CPython {python.minor}: {why}")
    return folder


def test_every_stack_is_the_interpreters(python, memwhy, tmp_path, marked):
    compare(python, memwhy, tmp_path, marked, "python", 1_000_000 if FULL else 100_000)


def test_code_that_is_gone_is_forgotten(python, memwhy, tmp_path, marked):
    """So many code objects that the tables of a thread are emptied on the way."""
    compare(python, memwhy, tmp_path, marked, "python", 40_000, only="code_made_and_destroyed")


@pytest.mark.parametrize("family", ["greenlet", "gevent"])
def test_stacks_of_greenlets(python, memwhy, tmp_path, marked, family):
    packages = greenlets_for(python)
    compare(python, memwhy, tmp_path, marked, family, 200_000 if FULL else 15_000, packages)


def test_stacks_of_sub_interpreters(python, memwhy, tmp_path, marked):
    compare(python, memwhy, tmp_path, marked, "interpreters", 200_000 if FULL else 10_000)
