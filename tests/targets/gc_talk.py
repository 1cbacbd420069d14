# SPDX-License-Identifier: Apache-2.0
"""Collects garbage with debug text on, and notes what the collector itself says of it.

usage: gc_talk.py TRUTH COLLECTIONS [FLAG...]     flags of gc.set_debug besides DEBUG_STATS
Runs on every CPython from 2.7 on. TRUTH gets one JSON document: "collections", a list of
[generation, unreachable] of each collection by hand (what gc.collect() returned) or, from 3.3 on, of
each collection there was (gc.callbacks); "has_all" says which.
"""

import gc
import json
import sys


class Node(object):
    pass


def make_cycles(count):
    for _ in range(count):
        first, second = Node(), Node()
        first.next, second.next = second, first


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    flags = gc.DEBUG_STATS
    for name in sys.argv[3:]:
        flags |= getattr(gc, name)
    gc.disable()
    gc.collect()
    seen = []
    has_all = hasattr(gc, "callbacks")

    def note(phase, info):
        if phase == "stop":
            seen.append([info["generation"], info["collected"] + info["uncollectable"]])

    if has_all:
        gc.callbacks.append(note)
    sys.stderr.write("start of the program\n")
    sys.stderr.flush()
    gc.set_debug(flags)
    for number in range(count):
        make_cycles(number % 7)
        generation = (0, 1, 2)[number % 3]
        found = gc.collect(generation)
        if not has_all:
            seen.append([generation, found])
    if has_all:
        gc.enable()
        make_cycles(20000)
        gc.disable()
    with open(path, "w") as file:
        json.dump({"collections": list(seen), "has_all": has_all}, file)
    # What the interpreter collects while it ends comes behind this.
    sys.stderr.write("end of the program\n")


main()
