# SPDX-License-Identifier: Apache-2.0
"""The test repeats the call, after ten that the plugin does not see. LIMIT: what a place may keep."""
import os

import pytest
from cases import CASES

WARM_UP = 10
CALLS = 400


@pytest.fixture
def warm(case):
    for _ in range(WARM_UP):
        case()


@pytest.mark.limit_leaks(os.environ["LIMIT"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_case(case, warm):
    for _ in range(CALLS):
        case()
