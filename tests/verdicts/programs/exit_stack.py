# SPDX-License-Identifier: Apache-2.0
"""An ExitStack of the whole process."""

import contextlib
import os

STACK = contextlib.ExitStack()


def close(body):
    return len(body)


def request(number, clean):
    body = os.urandom(20_000)  # MAKES
    with contextlib.ExitStack() as stack:
        (stack if clean else STACK).callback(close, body)
