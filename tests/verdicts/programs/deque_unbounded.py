# SPDX-License-Identifier: Apache-2.0
"""A deque without maxlen."""

import collections
import os

RECENT = collections.deque()


def request(number, clean):
    RECENT.append(os.urandom(20_000))  # MAKES
    if clean and len(RECENT) > 100:
        RECENT.popleft()
