# SPDX-License-Identifier: Apache-2.0
"""Programs of catalog.toml, judged as `make verdicts` judges them: one that leaks; with
MEMWHY_FULL_TESTS=1 all that need no extension, and their clean twins."""

import argparse
import os
import tomllib

import pytest

from diagnosis import PYTHON
from run_catalog import HERE, look

FULL = os.environ.get("MEMWHY_FULL_TESTS") == "1"
CATALOG = tomllib.loads((HERE / "catalog.toml").read_text(encoding="utf-8"))
LEAKING = {name: row for name, row in CATALOG["leaking"].items() if not row.get("native")}
OPTIONS = argparse.Namespace(python=PYTHON, seconds=20)


@pytest.mark.parametrize("kind", ["leaking", "clean twin"])
@pytest.mark.parametrize("name", LEAKING)
def test_the_first_finding_is_that_of_the_catalog(name, kind):
    if not FULL and (name, kind) != ("buffers_by_tenant", "leaking"):
        pytest.skip("with MEMWHY_FULL_TESTS=1")
    *_, faults, text = look((kind, name, LEAKING[name], OPTIONS))
    assert not faults, text
