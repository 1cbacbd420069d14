# SPDX-License-Identifier: Apache-2.0
"""Enough objects of many kinds for two lanes: in each generation and frozen; shared by both halves.

    python many_objects.py OBJECTS

Answers each line by {"pid", "sum"}, a sum over all that it made.
"""

import asyncio
import collections
import ctypes
import functools
import gc
import json
import os
import sys
import weakref


class Plain:
    def __init__(self, number, other):
        self.number = number
        self.other = other


class Slots:
    __slots__ = ("first", "second", "__weakref__")

    def __init__(self, first, second):
        self.first = first
        self.second = second


def waits(number, other):
    local = [number, other]
    yield local


async def waits_too(number):
    await asyncio.sleep(number)


@functools.lru_cache(maxsize=None)
def cached(number):
    return (number, str(number))


SHARED = [(number, f"shared-{number}") for number in range(50_000, 50_500)]  # untracked soon


def build(count, start):
    kept = []
    before = None
    for number in range(start, start + count):
        shared = SHARED[number % len(SHARED)]
        kind = number % 8
        if kind == 0:
            made = Plain(number, before)
        elif kind == 1:
            made = Slots(float(number), [before, shared])
        elif kind == 2:
            made = {f"key-{number % 5000}": number, number: before, "shared": shared}
        elif kind == 3:
            made = (number, [str(number)], shared, before)
        elif kind == 4:
            made = collections.deque([number, before])
        elif kind == 5:
            made = waits(number, before)
            next(made)
        elif kind == 6:
            made = {number, f"set-{number}", shared}
        else:
            made = functools.partial(cached, number, other=shared)
            made.later = waits_too(number) if number % 80 == 7 else None
        kept.append(made)
        before = made
        if number % 1000 == 0:
            cached(number)
    return kept


def total(kept):
    return sum(len(gc.get_referents(made)) for made in kept)


def main():
    count = int(sys.argv[1])
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(Slots(0, None)))  # nobody holds it
    kept = build(count // 4, 0)
    if hasattr(gc, "freeze"):
        gc.freeze()
    kept += build(count // 2, 1_000_000)
    for _ in range(3):
        gc.collect()
    gc.disable()
    kept += build(count // 4, 2_000_000)
    alive = weakref.WeakValueDictionary((i, kept[i]) for i in range(1, len(kept), 801) if i % 8 == 1)
    said = {"pid": os.getpid(), "sum": total(kept), "weak": len(alive)}
    print(json.dumps(said), flush=True)
    for _ in sys.stdin:
        print(json.dumps({"pid": os.getpid(), "sum": total(kept)}), flush=True)
    for made in kept:
        if getattr(made, "later", None) is not None:
            made.later.close()


if __name__ == "__main__":
    main()
