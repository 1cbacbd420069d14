# SPDX-License-Identifier: Apache-2.0
"""Exceptions in a list: their tracebacks hold frames with their locals."""

import os

ERRORS = []


def parse(body):
    raise ValueError(f"bad request of {len(body)} bytes")


def request(number, clean):
    body = os.urandom(20_000)  # MAKES
    try:
        parse(body)
    except ValueError as error:
        ERRORS.append(error.with_traceback(None) if clean else error)
        if clean:
            ERRORS.clear()
