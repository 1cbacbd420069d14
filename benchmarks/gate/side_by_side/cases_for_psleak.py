# SPDX-License-Identifier: Apache-2.0
import pytest
from cases import CASES
from psleak import MemoryLeakTestCase


class Case(MemoryLeakTestCase):
    def runTest(self):
        pass


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_case(case):
    Case().execute(case)
