# SPDX-License-Identifier: Apache-2.0
"""Calls far below each other, whose frames lie beside arenas: a frame's word and its first argument,
a type, look like the head of an object. Waits at the deepest call."""

import json
import os
import sys

DEPTH = 700


def short(kind, depth):
    return wide(kind, depth - 1, 1)


def wide(kind, depth, more):
    first, second = depth, more
    if depth <= 0:
        return wait()
    kept.append([(i, -i) for i in range(300)])  # arenas come between the mappings of frames
    return (short if (first + second) % 3 else longer)(kind, depth - 1)


def longer(kind, depth):
    first = second = third = fourth = None
    return wide(kind, depth - 1, (first, second, third, fourth) and 2)


def wait():
    print(json.dumps({"pid": os.getpid()}), flush=True)
    sys.stdin.readline()


kept = []
sys.setrecursionlimit(10_000)
short(complex, DEPTH)  # there is no object of this type
