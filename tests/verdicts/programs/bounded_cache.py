# SPDX-License-Identifier: Apache-2.0
"""A cache of 200 entries that is full after four seconds."""

import collections
import os

ENTRIES = collections.OrderedDict()


def request(number, clean):
    ENTRIES[number] = os.urandom(20_000)
    if len(ENTRIES) > 200:
        ENTRIES.popitem(last=False)
