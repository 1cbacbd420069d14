# SPDX-License-Identifier: Apache-2.0
"""The work of a service before and after a change that keeps too much. RELEASE is 1 or 2.

Both keep weights in native memory, release 2 of a slightly larger model, and 84 MiB of feature rows
in Python objects; release 2 keeps the decoded request of each row as well, which nobody needs.
"""

import mmap
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "python"))

import memwhy  # noqa: E402

MIB = 1 << 20
RELEASE = int(os.environ.get("RELEASE", "1"))
ROWS = 1000
ROW_BYTES = int(84.2 * MIB) // ROWS
REQUEST_BYTES = int(74.3 * MIB) // ROWS
WEIGHT_BYTES = int({1: 44.3, 2: 46.4}[RELEASE] * MIB)


def load_weights():
    weights = mmap.mmap(-1, WEIGHT_BYTES)
    for page in range(0, len(weights), mmap.PAGESIZE):
        weights[page] = 1
    return weights


def features(number):
    return bytes([number % 256]) * ROW_BYTES


def decode(number):
    return bytes([number % 255]) * REQUEST_BYTES


class Store:
    def __init__(self):
        self.rows = []
        self.requests = []

    def handle(self, number):
        request = decode(number)
        self.rows.append(features(number))
        if RELEASE == 2:
            self.requests.append(request)  # KEEPS: release 1 dropped it here


weights = load_weights()
store = Store()
for number in range(ROWS):
    store.handle(number)
for number in range(200):  # the store is full: what is live now is what the service needs
    decode(number)
    memwhy.mark("request")
