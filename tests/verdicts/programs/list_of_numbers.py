# SPDX-License-Identifier: Apache-2.0
"""A list of small numbers, which exist once: only the list's own table grows."""

STEPS = []


def request(number, clean):
    STEPS.extend([number % 100] * 3_000)  # MAKES
    if clean:
        del STEPS[:-3_000]
