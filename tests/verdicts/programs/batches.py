# SPDX-License-Identifier: Apache-2.0
"""A buffer that is filled and emptied: a sawtooth."""

import os

BATCH = []


def request(number, clean):
    BATCH.append(os.urandom(50_000))
    if len(BATCH) == 120:
        BATCH.clear()
