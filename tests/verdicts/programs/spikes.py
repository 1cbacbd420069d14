# SPDX-License-Identifier: Apache-2.0
"""A large request now and then."""

import os


def request(number, clean):
    body = os.urandom(8_000_000 if number % 100 == 0 else 10_000)
    return len(body)
