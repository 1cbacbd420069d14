# SPDX-License-Identifier: Apache-2.0
"""A full cache whose entries differ in size: its bytes go up and down."""

import collections
import os

ENTRIES = collections.OrderedDict()


def request(number, clean):
    ENTRIES[number] = os.urandom(2_000 + number * 7919 % 40_000)
    if len(ENTRIES) > 150:
        ENTRIES.popitem(last=False)
