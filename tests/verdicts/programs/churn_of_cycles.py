# SPDX-License-Identifier: Apache-2.0
"""Small cycles that the collector frees again and again."""

class Node:
    def __init__(self):
        self.itself = self


def request(number, clean):
    for _ in range(200):
        Node()
