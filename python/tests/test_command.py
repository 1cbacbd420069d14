# SPDX-License-Identifier: Apache-2.0
"""The console script: which native command it becomes, and what it says when there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import memwhy
from memwhy._command import CommandNotFound, find_command, source_tree

PACKAGE_ROOT = Path(memwhy.__file__).resolve().parent.parent


def write_command(path, text="#!/bin/sh\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def make_tree(root):
    """Lays out the parts of a source tree that matter; returns its package directory."""
    package = root / "python" / "memwhy"
    package.mkdir(parents=True)
    (root / "python" / "pyproject.toml").touch()
    return package


def test_environment_variable_comes_first(tmp_path):
    package = make_tree(tmp_path / "tree")
    write_command(package / "bin" / "memwhy")
    chosen = write_command(tmp_path / "chosen")
    assert find_command({"MEMWHY_BIN": str(chosen)}, package) == chosen


def test_environment_variable_that_names_nothing_is_an_error(tmp_path):
    package = make_tree(tmp_path / "tree")
    write_command(package / "bin" / "memwhy")
    with pytest.raises(CommandNotFound, match="MEMWHY_BIN"):
        find_command({"MEMWHY_BIN": str(tmp_path / "absent")}, package)


def test_bundled_command_comes_before_the_tree(tmp_path):
    package = make_tree(tmp_path / "tree")
    write_command(tmp_path / "tree" / "build" / "release" / "bin" / "memwhy")
    bundled = write_command(package / "bin" / "memwhy")
    assert find_command({}, package) == bundled


def test_editable_install_uses_its_tree(tmp_path):
    package = make_tree(tmp_path / "tree")
    built = write_command(tmp_path / "tree" / "build" / "release" / "bin" / "memwhy")
    assert find_command({}, package) == built


def test_plain_install_uses_the_noted_tree(tmp_path):
    built = write_command(tmp_path / "tree" / "build" / "release" / "bin" / "memwhy")
    package = tmp_path / "site-packages" / "memwhy"
    package.mkdir(parents=True)
    assert source_tree(package) is None
    (package / "_source_tree.txt").write_text(f"{tmp_path / 'tree'}\n")
    assert find_command({}, package) == built


def test_script_becomes_the_command_with_its_arguments(tmp_path):
    command = write_command(tmp_path / "memwhy", '#!/bin/sh\nprintf "%s\\n" "$$" "$@"\nexit 7\n')
    environment = dict(os.environ, PYTHONPATH=str(PACKAGE_ROOT), MEMWHY_BIN=str(command))
    process = subprocess.Popen(
        [sys.executable, "-m", "memwhy", "run", "--", "python", "a b"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    output, _ = process.communicate(timeout=60)
    assert output.splitlines() == [str(process.pid), "run", "--", "python", "a b"]
    assert process.returncode == 7


def test_script_without_a_command_exits_3_and_says_why(tmp_path):
    environment = dict(os.environ, PYTHONPATH=str(PACKAGE_ROOT), MEMWHY_BIN=str(tmp_path / "no"))
    done = subprocess.run(
        [sys.executable, "-m", "memwhy", "stats"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert "MEMWHY_BIN" in done.stderr
