# SPDX-License-Identifier: Apache-2.0
"""Each program of docs/wrong-advice.md shows what its section says."""

import re
import subprocess

import pytest
from conftest import FULL, ROOT, TENSORFLOW, TORCH, clean_environment

PAGE = (ROOT / "docs" / "wrong-advice.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r'^## "(.+?)"\n.*?^```python *(\w*)\n(.*?)^```$', PAGE, re.M | re.S)
PYTHONS = {"": "/usr/bin/python3", "torch": TORCH, "tensorflow": TENSORFLOW}


def test_each_section_has_a_program():
    assert len(SECTIONS) == PAGE.count("\n## ") >= 9


@pytest.mark.skipif(not FULL, reason="with MEMWHY_FULL_TESTS=1")
@pytest.mark.parametrize(("advice", "needs", "program"), SECTIONS, ids=[s[0] for s in SECTIONS])
def test_the_program_shows_it(tmp_path, advice, needs, program):
    python = PYTHONS[needs]
    assert needs == "" or python.is_file(), f"scripts/fetch_{needs} brings it"
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        env=clean_environment(PYTHONPATH=str(ROOT / "python"), PYTHONDONTWRITEBYTECODE="1",
                              TMPDIR=str(tmp_path)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
