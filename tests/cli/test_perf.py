# SPDX-License-Identifier: Apache-2.0
"""memwhy perf on the command line: what perf script printed of CPython 3.14 with -X perf."""

import json

import pytest

from memwhy_program import memwhy, require_built

SAMPLE = """\
python3.14  4319 18107.404470:   10101010 cpu-clock:ppp: 
	          14abe7 [unknown] (/usr/bin/python3.14)
	          14ba32 _Py_Dealloc+0x62 (/usr/bin/python3.14)
	    7f56c34b7589 py::outer:/srv/work.py+0x9 (/tmp/perf-4319.map)

"""
NATIVE = """\
other   12 18108.0:   10101010 cpu-clock:ppp: 
	           42d38 main+0x8 (/usr/bin/other\x1b[31m)
	           42d39 __libc_start_main+0x8 (/lib/libc.so.6)

"""


@pytest.fixture(autouse=True)
def built():
    require_built()


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "perf.txt"
    file.write_text(SAMPLE * 3 + NATIVE + "nonsense\n")
    return file


def test_json_counts_samples_by_stack(script):
    done = memwhy("perf", "--script", script, "--json")
    assert done.returncode == 0 and done.stderr == ""
    document = json.loads(done.stdout)
    assert document["schema"] == "memwhy.perf/1"
    assert (document["samples"], document["lost"], document["unparsed"]) == (4, 0, 1)
    assert (document["without_python"], document["truncated"]) == (1, 3)
    first = document["stacks"][0]
    assert first["samples"] == 3 and first["event"] == "cpu-clock" and first["truncated"]
    assert [(f["function"], f["file"], f["line"], f["language"]) for f in first["stack"]] == [
        ("outer", "/srv/work.py", None, "python")]


def test_text_shows_functions_and_what_is_missing(script):
    done = memwhy("perf", "--script", script)
    assert done.returncode == 0
    assert " 75.0 %  75.0 %  outer (work.py)" in done.stdout
    assert "1 of 20 lines could not be understood" in done.stdout
    assert "75.0 % of the samples have a cut stack" in done.stdout
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 80 or "perf.txt" in line for line in done.stdout.splitlines())


def test_stdin_is_read(script):
    with script.open() as file:
        document = json.loads(memwhy("perf", "--script", "-", "--json", stdin=file).stdout)
    assert document["samples"] == 4


def test_a_text_without_samples_is_an_error_that_says_what_to_do(tmp_path):
    file = tmp_path / "other.txt"
    file.write_text("hello\n")
    done = memwhy("perf", "--script", file)
    assert done.returncode == 2 and "no sample" in done.stderr and "perf script" in done.stderr
    assert memwhy("perf", "--script", tmp_path / "none").returncode == 2
