# SPDX-License-Identifier: Apache-2.0
"""Every situation of kinds/: the program does recorded what it does plain."""

import importlib.util
from pathlib import Path

import pytest
from situation import MEMWHY, Skip, compare

KINDS = Path(__file__).parent / "kinds"


def load(path):
    spec = importlib.util.spec_from_file_location(f"situations_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SITUATIONS


def cases():
    for path in sorted(KINDS.glob("*.py")):
        for situation in load(path):
            yield pytest.param(situation, id=f"{path.stem}/{situation.name}")


@pytest.mark.parametrize("situation", cases())
def test_situation(situation, tmp_path):
    if not Path(MEMWHY).is_file():
        pytest.skip(f"{MEMWHY} is not built")
    try:
        faults = compare(situation, tmp_path)
    except Skip as reason:
        pytest.skip(str(reason))
    assert not faults, f"{situation.what}\n" + "\n".join(faults)
