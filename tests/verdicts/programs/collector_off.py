# SPDX-License-Identifier: Apache-2.0
"""gc.disable() in a program that makes cycles."""

import gc
import os

gc.disable()


class Node:
    def __init__(self):
        self.other = self
        self.body = os.urandom(20_000)  # MAKES


def request(number, clean):
    node = Node()
    if clean:
        node.other = None
