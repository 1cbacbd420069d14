# SPDX-License-Identifier: Apache-2.0
"""A deque with maxlen."""

import collections
import os

LOG = collections.deque(maxlen=300)


def request(number, clean):
    LOG.append(os.urandom(10_000))
