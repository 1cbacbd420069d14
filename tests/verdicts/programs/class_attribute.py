# SPDX-License-Identifier: Apache-2.0
"""A list that all instances share, because it is the class's."""

import os


class Handler:
    log = []

    def handle(self, clean):
        self.log.append(os.urandom(20_000))  # MAKES
        if clean:
            self.log.pop()


def request(number, clean):
    Handler().handle(clean)
