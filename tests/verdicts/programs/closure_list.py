# SPDX-License-Identifier: Apache-2.0
"""A closure's variable that grows."""

import os


def make_handler():
    history = []

    def handle(clean):
        history.append(os.urandom(20_000))  # MAKES
        if clean:
            history.pop()

    return handle


HANDLE = make_handler()


def request(number, clean):
    HANDLE(clean)
