# SPDX-License-Identifier: Apache-2.0
"""Tables that are loaded at first use, all of them within the first seconds."""

TABLES = {}


def request(number, clean):
    name = number % 100
    if name not in TABLES:
        TABLES[name] = [bytes(1_000) for _ in range(200)]
