# SPDX-License-Identifier: Apache-2.0
"""An extension's static array holds each object: who holds it is C code."""

import os

import references


def request(number, clean):
    body = os.urandom(20_000)  # MAKES
    if not clean and number < 4_000:
        references.keep_static(body)
