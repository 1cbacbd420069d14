# SPDX-License-Identifier: Apache-2.0
"""A diagnosis of a program behind a filter on system calls that no library has seen."""

import json
import platform
import subprocess

import pytest
from conftest import ROOT, clean_environment
from survival import PYTHON

HELPER = ROOT / "tests" / "situations" / "seccomp_filter.py"
PROGRAM = """if 1:
    import sys, time
    sys.path.append(sys.argv[1])
    import seccomp_filter
    kept = []
    seccomp_filter.enter(seccomp_filter.MEMORY + ("futex", "madvise", "getpid", "clock_nanosleep"),
                         how="raw")
    while True:
        kept.append(bytearray(20_000))
        time.sleep(0.005)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter is written for x86-64")
def test_holders_are_not_looked_up_and_it_says_why(memwhy, tmp_path):
    done = subprocess.run(
        [memwhy, "diagnose", "--for", "4", "--json", tmp_path / "d.json", "-o", tmp_path / "s.mwy",
         "--", PYTHON, "-c", PROGRAM, str(HELPER.parent)],
        env=clean_environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1, 4), done.stderr
    document = json.loads((tmp_path / "d.json").read_text())
    assert document["session"]["ended"] == "signal:15", "stopped by us at the end, and not before"
    assert "is left alone" in done.stderr and "seccomp" in done.stderr
    notes = " ".join(document["session"]["notes"])
    assert "no heap dump: process" in notes and "seccomp" in notes
    text = json.dumps(document)
    assert "who holds what is not known: no heap dump" in text
