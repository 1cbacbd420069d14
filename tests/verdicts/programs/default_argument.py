# SPDX-License-Identifier: Apache-2.0
"""A mutable default argument."""

import os


def collect(body, clean, into=[]):
    into.append(body)
    if clean:
        into.clear()
    return into


def request(number, clean):
    collect(os.urandom(20_000), clean)  # MAKES
