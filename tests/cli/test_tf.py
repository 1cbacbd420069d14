# SPDX-License-Identifier: Apache-2.0
"""memwhy tf where there is nothing to look at: what it says, and its exit code."""

import subprocess
import sys

import pytest
from memwhy_program import MEMWHY, require_built


def tf_loads(*arguments, **more):
    require_built()
    return subprocess.run(
        [MEMWHY, "tf", "loads", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        **more,
    )


def script(folder, text):
    path = folder / "script.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "a script is needed"),
        (["--", "ls", "-l"], "ls is neither a Python script"),
        (["--", "python3"], "a script or -m MODULE is missing"),
        (["--", "python3", "-X", "dev", "-m"], "a script or -m MODULE is missing"),
        (["--", "python3", "-c", "pass"], "give the program as a file"),
        (["--", "python3", "/nowhere/x.py"], "/nowhere/x.py is not there"),
        (["--python", "python3", "--", "python3", "x.py"], "say two things"),
    ],
)
def test_usage(arguments, says):
    done = tf_loads(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize("end", ["pass", "import sys; sys.exit(0)"])
def test_a_script_without_tensorflow(tmp_path, end):
    path = script(tmp_path, f"print('seen', __name__, __file__)\n{end}\n")
    done = tf_loads("--", sys.executable, path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "the script has not imported TensorFlow" in done.stderr
    assert f"seen __main__ {path}" in done.stderr


def test_an_old_tensorflow(tmp_path):
    package = tmp_path / "tensorflow" / "python" / "saved_model"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package.parents[1] / "__init__.py").write_text("__version__ = '2.4.1'\n")
    (package / "load.py").write_text("def load(path):\n    return object()\n")
    path = script(
        tmp_path, "from tensorflow.python.saved_model import load\nassert load.load('x')\n"
    )
    done = tf_loads("--", sys.executable, path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "TensorFlow 2.4.1 is too old" in done.stderr


def test_the_script_sees_its_own_surroundings(tmp_path):
    (tmp_path / "beside.py").write_text("NAME = 'beside'\n")
    path = script(
        tmp_path,
        "import sys, os, beside\n"
        "print(sys.argv[1:], sys.path[0] == os.path.dirname(__file__), beside.NAME)\n"
        "print(sys.modules['__main__'].__dict__ is globals(), sys.flags.utf8_mode)\n"
        "raise ValueError('from the script')\n",
    )
    done = tf_loads("--", sys.executable, "-X", "utf8", path, "a", "--json")
    assert done.returncode == 3
    assert "['a', '--json'] True beside\nTrue 1" in done.stderr
    assert "ValueError: from the script" in done.stderr
    assert "_script_run" not in done.stderr


def test_a_module(tmp_path):
    script(tmp_path, "import sys\nprint(__name__, __spec__.name, sys.argv[1:])\n")
    done = tf_loads("--", sys.executable, "-m", "script", "x", cwd=tmp_path)
    assert "__main__ script ['x']" in done.stderr


def test_a_program_that_is_gone_before_its_end(tmp_path):
    path = script(tmp_path, "import os\nos.kill(os.getpid(), 9)\n")
    done = tf_loads("--", sys.executable, path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "ended before its loads could be counted (signal:9)" in done.stderr
