# SPDX-License-Identifier: Apache-2.0
"""Stacks of a chosen depth, and the list of scenarios that the driver runs."""

from truth import take

SCENARIOS = []
CHUNK = 500  # blocks per call of a scenario


def scenario(function):
    """Registers a function that takes about as many blocks as it is told to."""
    SCENARIOS.append(function)
    return function


def only_on_main_thread(function):
    """The same for one that changes what all threads see: tracing, thresholds of gc."""
    function.is_for_main_thread = True
    return scenario(function)


def descend(depth):
    if depth == 0:
        return take()
    if depth % 7 == 0:
        return take() or descend(depth - 1)
    return descend(depth - 1)


def deep(depth, blocks):
    if depth > 0:
        return deep(depth - 1, blocks)
    for _ in range(blocks):
        take()
