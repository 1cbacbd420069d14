# SPDX-License-Identifier: Apache-2.0
"""memwhy.tf in a program with TensorFlow, beside what the program knows itself."""

import json
import subprocess

import pytest
from conftest import ROOT, TARGETS, TENSORFLOW, clean_environment


@pytest.fixture(scope="module")
def said():
    if not TENSORFLOW.is_file():
        pytest.skip("no TensorFlow; scripts/fetch_tensorflow brings it")
    done = subprocess.run(
        [str(TENSORFLOW), "-W", "ignore", str(TARGETS / "tf_counts.py")],
        capture_output=True,
        text=True,
        timeout=300,
        env=clean_environment(PYTHONPATH=str(ROOT / "python"), PYTHONDONTWRITEBYTECODE="1"),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_number_is_what_the_program_knows(said):
    assert len(said) > 40
    assert {name: found for name, (found, _) in said.items()} == {
        name: truth for name, (_, truth) in said.items()
    }
