# SPDX-License-Identifier: Apache-2.0
"""Many Python calls and deep stacks, with an allocation of 1 KiB at the bottom of some.

What a tool that follows every call pays for, and one that reads stacks at an event does not.
"""

from _timing import measure

DEPTH = 120


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def descend(depth, blocks):
    if depth == 0:
        blocks.append(bytes(1024))
        return 1
    return 1 + descend(depth - 1, blocks)


def work():
    total = fib(35)
    for _ in range(4000):
        blocks = []
        for depth in range(0, DEPTH, 2):
            total += descend(depth, blocks)
    return total


measure(work)
