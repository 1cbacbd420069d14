# SPDX-License-Identifier: Apache-2.0
"""A view of five rows keeps the whole batch."""

import numpy

HEADS = []


def request(number, clean):
    batch = numpy.ones((500, 8)) * number  # MAKES
    HEADS.append(batch[:5].copy() if clean else batch[:5])
    if clean:
        HEADS.clear()
