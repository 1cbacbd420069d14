# SPDX-License-Identifier: Apache-2.0
"""itertools.tee: what one side has read waits for the other."""

import itertools
import os


def bodies():
    while True:
        yield os.urandom(20_000)  # MAKES


LEFT, RIGHT = itertools.tee(bodies())


def request(number, clean):
    next(LEFT)
    if clean:
        next(RIGHT)
