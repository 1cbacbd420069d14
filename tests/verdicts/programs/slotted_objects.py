# SPDX-License-Identifier: Apache-2.0
"""Small objects with __slots__."""

class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y


TRACK = []


def request(number, clean):
    TRACK.extend(Point(number + i / 7, number - i / 7) for i in range(300))  # MAKES
    if clean:
        TRACK.clear()
