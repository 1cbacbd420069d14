# SPDX-License-Identifier: Apache-2.0
"""functools.lru_cache without a bound."""

import functools
import os


@functools.lru_cache(maxsize=None)
def load(key):
    return os.urandom(20_000)  # MAKES


def request(number, clean):
    load(number % 40 if clean else number)
