# SPDX-License-Identifier: Apache-2.0
import pytest
from cases import CASES


@pytest.mark.no_growth
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_case(case):
    case()
