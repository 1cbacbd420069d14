# SPDX-License-Identifier: Apache-2.0
"""A local variable of a function that never returns."""

import os


def run(steps):
    done = []
    for clean in steps:
        done.append(os.urandom(20_000))  # MAKES
        if clean:
            done.clear()
        yield


STEPS = []
RUN = run(iter(STEPS.pop, None))


def request(number, clean):
    STEPS.append(clean)
    next(RUN)
