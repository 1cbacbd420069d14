# SPDX-License-Identifier: Apache-2.0
"""Healthy: each request fills a buffer of its own, of a size that differs; one buffer has a cap."""

import random

RANDOM = random.Random(7)
SCRATCH = bytearray()


def request(number, clean):
    body = bytearray()
    for _ in range(RANDOM.randrange(20, 60)):
        body += b"x" * 10_000
    SCRATCH.extend(body)
    if len(SCRATCH) > 4_000_000:
        del SCRATCH[:]
