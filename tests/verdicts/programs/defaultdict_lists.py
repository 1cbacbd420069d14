# SPDX-License-Identifier: Apache-2.0
"""A defaultdict of lists."""

import collections
import os

BY_TENANT = collections.defaultdict(list)


def request(number, clean):
    BY_TENANT[number % 10].append(os.urandom(20_000))  # MAKES
    if clean:
        BY_TENANT[number % 10].clear()
