# SPDX-License-Identifier: Apache-2.0
"""A Counter with a label for every user."""

import collections

HITS = collections.Counter()


def request(number, clean):
    for part in range(100):
        HITS[f"user {number % 20 if clean else number} on page {part} of the whole site"] += 1  # MAKES
