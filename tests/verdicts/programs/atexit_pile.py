# SPDX-License-Identifier: Apache-2.0
"""atexit.register with every request."""

import atexit
import os


def close(body):
    return len(body)


def request(number, clean):
    body = os.urandom(20_000)  # MAKES
    if not clean:
        atexit.register(close, body)
