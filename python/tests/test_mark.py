# SPDX-License-Identifier: Apache-2.0
"""memwhy.mark() and enabled(), without an agent and with a preloaded stand-in for it.

The stand-in is a small shared object with the agent's three symbols, compiled here; it writes
each call to the file named by MARK_LOG, so the tests see what really arrived.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import memwhy
from memwhy import _marks

PACKAGE_ROOT = Path(memwhy.__file__).resolve().parent.parent

STAND_IN = r"""
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef ABI
#define ABI 1
#endif
#ifndef RECORDING
#define RECORDING 1
#endif

uint32_t memwhy_abi_version(void) { return ABI; }
int memwhy_enabled(void) { return RECORDING; }
int memwhy_mark(const char* name, uint64_t count) {
  const char* path = getenv("MARK_LOG");
  FILE* log = path ? fopen(path, "a") : NULL;
  if (log) {
    fprintf(log, "%s %" PRIu64 "\n", name, count);
    fclose(log);
  }
  return RECORDING ? 0 : 1;
}
"""


@pytest.fixture(scope="module")
def build_stand_in(tmp_path_factory):
    """Returns a function that compiles the stand-in with the given -D flags, once each."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler (cc) to build the stand-in agent")
    directory = tmp_path_factory.mktemp("agent")
    source = directory / "agent.c"
    source.write_text(STAND_IN)

    def build(*flags):
        library = directory / ("agent" + "".join(flags) + ".so")
        if not library.exists():
            command = [compiler, "-shared", "-fPIC", *flags, "-o", str(library), str(source)]
            subprocess.run(command, check=True, capture_output=True)
        return library

    return build


def run_python(code, library=None, log=None):
    """Runs code in a new interpreter, the library preloaded; returns the finished process."""
    environment = dict(os.environ, PYTHONPATH=str(PACKAGE_ROOT))
    if library is not None:
        environment["LD_PRELOAD"] = str(library)
    if log is not None:
        environment["MARK_LOG"] = str(log)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )


def test_mark_without_agent_does_nothing_and_says_so():
    done = run_python(
        "import memwhy; print(memwhy.mark(), memwhy.mark('step', 3), memwhy.enabled())"
    )
    assert done.stdout == "False False False\n"
    assert done.stderr == ""


def test_marks_reach_the_agent(build_stand_in, tmp_path):
    log = tmp_path / "marks"
    done = run_python(
        "import memwhy\n"
        "print(memwhy.mark(), memwhy.mark('step'), memwhy.mark('token', count=2**64 - 1))\n"
        "print(memwhy.mark('step', 0), memwhy.enabled())",
        build_stand_in(),
        log,
    )
    assert done.stdout == "True True True\nTrue True\n"
    assert log.read_text() == f"request 1\nstep 1\ntoken {2**64 - 1}\nstep 0\n"


def test_agent_that_does_not_record(build_stand_in):
    done = run_python(
        "import memwhy; print(memwhy.mark(), memwhy.enabled())", build_stand_in("-DRECORDING=0")
    )
    assert done.stdout == "False False\n"


def test_agent_of_another_version_is_left_alone(build_stand_in, tmp_path):
    log = tmp_path / "marks"
    done = run_python(
        "import memwhy; print(memwhy.mark(), memwhy.enabled())", build_stand_in("-DABI=2"), log
    )
    assert done.stdout == "False False\n"
    assert "ABI version 2" in done.stderr
    assert not log.exists()


def test_long_names_are_cut_at_a_whole_character(build_stand_in, tmp_path):
    log = tmp_path / "marks"
    run_python(
        "import memwhy\nmemwhy.mark('x' * 100)\nmemwhy.mark('x' * 63 + '\\u00e9')\n"
        "memwhy.mark('\\u00e9' * 32)",
        build_stand_in(),
        log,
    )
    assert log.read_text(encoding="utf-8").split("\n")[:3] == [
        "x" * 64 + " 1",
        "x" * 63 + " 1",
        "\u00e9" * 32 + " 1",
    ]


@pytest.mark.parametrize("name", [None, 7, b"request", ["request"]])
def test_name_must_be_text(name):
    with pytest.raises(TypeError, match="name must be a str"):
        memwhy.mark(name)


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_name_must_be_printable_by_the_agent(name):
    with pytest.raises(ValueError, match="name must not"):
        memwhy.mark(name)


@pytest.mark.parametrize("count", [None, 1.0, "1"])
def test_count_must_be_an_integer(count):
    with pytest.raises(TypeError, match="count must be an int"):
        memwhy.mark("request", count)


@pytest.mark.parametrize("count", [-1, 2**64])
def test_count_must_fit(count):
    with pytest.raises(ValueError, match="count must be 0 to"):
        memwhy.mark("request", count)


def test_kept_names_are_bounded():
    for number in range(2000):
        memwhy.mark(f"name-{number}")
    assert len(_marks._encoded_names) <= _marks._KEPT_NAMES


def test_threads_lose_no_mark(build_stand_in, tmp_path):
    log = tmp_path / "marks"
    run_python(
        "import memwhy, threading\n"
        "def work():\n"
        "    for _ in range(200):\n"
        "        memwhy.mark('step')\n"
        "threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]",
        build_stand_in(),
        log,
    )
    assert log.read_text() == "step 1\n" * 1600
