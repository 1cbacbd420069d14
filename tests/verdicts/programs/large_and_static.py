# SPDX-License-Identifier: Apache-2.0
"""A large table that is loaded once."""

TABLE = {i: bytes(1_000) for i in range(60_000)}


def request(number, clean):
    return TABLE[number % 60_000][0]
