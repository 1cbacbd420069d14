# SPDX-License-Identifier: Apache-2.0
"""Blocks of 600 to 1600 bytes made and dropped, some kept a while: millions of calls of malloc.

The other workloads allocate as programs do; this one shows what a single event costs.
"""

from _timing import measure

ROUNDS = 3000
BLOCKS = 4000


def one_round(kept):
    total = 0
    for number in range(BLOCKS):
        block = bytes(600 + number % 1000)
        total += len(block)
        if number % 8 == 0:
            kept[number // 8] = block
    return total


def work():
    kept = [None] * (BLOCKS // 8)
    return sum(one_round(kept) for _ in range(ROUNDS))


measure(work)
