# SPDX-License-Identifier: Apache-2.0
"""Generators that are never finished."""

import os

STREAMS = []


def stream():
    body = os.urandom(20_000)  # MAKES
    for at in range(0, len(body), 1000):
        yield body[at : at + 1000]


def request(number, clean):
    one = stream()
    next(one)
    STREAMS.append(one)
    if clean:
        STREAMS.pop().close()
