# SPDX-License-Identifier: Apache-2.0
"""An extension takes a reference and forgets it."""

import os

import references


class Row:
    def __init__(self):
        self.body = os.urandom(20_000)  # MAKES


def request(number, clean):
    row = Row()
    if not clean:
        references.leak(row)
