# SPDX-License-Identifier: Apache-2.0
"""Every situation of kinds/: the program does recorded what it does plain."""

from pathlib import Path

import pytest
from situation import MEMWHY, Skip, compare
from table import kinds


def cases():
    for kind, module in kinds():
        for situation in module.SITUATIONS:
            yield pytest.param(situation, id=f"{kind}/{situation.name}")


@pytest.mark.parametrize("situation", cases())
def test_situation(situation, tmp_path):
    if not Path(MEMWHY).is_file():
        pytest.skip(f"{MEMWHY} is not built")
    try:
        faults = compare(situation, tmp_path)
    except Skip as reason:
        pytest.skip(str(reason))
    assert not faults, f"{situation.what}\n" + "\n".join(faults)
