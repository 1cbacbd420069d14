# SPDX-License-Identifier: Apache-2.0
"""An OrderedDict as a cache whose eviction never runs."""

import collections
import os

LIMIT = 64


class Cache:
    def __init__(self):
        self.entries = collections.OrderedDict()

    def put(self, key, evict):
        self.entries[key] = os.urandom(20_000)  # MAKES
        if evict and len(self.entries) > LIMIT:
            self.entries.popitem(last=False)


CACHE = Cache()


def request(number, clean):
    CACHE.put(number, clean)
