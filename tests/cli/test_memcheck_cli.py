# SPDX-License-Identifier: Apache-2.0
"""memwhy memcheck on the command line: how it fails. What it finds: tests/integration/test_memcheck.py."""

import os

import pytest

from memwhy_program import memwhy, require_built


@pytest.fixture(autouse=True)
def built():
    require_built()


def test_without_a_program():
    done = memwhy("memcheck")
    assert done.returncode == 2 and "memcheck needs a program" in done.stderr


def test_without_valgrind(tmp_path):
    done = memwhy("memcheck", "--", "/usr/bin/python3", "-c", "pass",
                  env=dict(os.environ, PATH=str(tmp_path)))
    assert done.returncode == 3 and done.stdout == ""
    assert "valgrind" in done.stderr and "install" in done.stderr


def test_an_output_folder_that_is_in_use(tmp_path):
    (tmp_path / "there").write_text("mine")
    done = memwhy("memcheck", "-o", tmp_path, "--", "/usr/bin/python3", "-c", "pass")
    assert done.returncode == 2 and str(tmp_path) in done.stderr
    assert (tmp_path / "there").read_text() == "mine"


def test_without_our_library(tmp_path):
    done = memwhy("memcheck", "--", "/usr/bin/python3", "-c", "pass",
                  env=dict(os.environ, MEMWHY_TRAMPOLINE=str(tmp_path / "none.so")))
    assert done.returncode == 3
    assert "MEMWHY_TRAMPOLINE" in done.stderr or "valgrind" in done.stderr
