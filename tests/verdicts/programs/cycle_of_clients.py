# SPDX-License-Identifier: Apache-2.0
"""Clients in cycles wait for the collector with all their bytes."""

import os


class Client:
    def __init__(self):
        self.buffer = os.urandom(200_000)  # MAKES
        self.on_close = self.close

    def close(self):
        self.on_close = None


def request(number, clean):
    client = Client()
    if clean:
        client.close()
