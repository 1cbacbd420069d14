# SPDX-License-Identifier: Apache-2.0
"""Objects of every kind in known numbers, sizes and places; answers questions on stdin.

The first line says the pid, for each class how many objects there are and what sys.getsizeof says of
them all, and what it says of some built-in objects by address. Lines of stdin: `grow N` keeps N more objects of class Grown, `cycles N` makes N
cycles and lets them go, `freeze` hides what there is from the collector, `state` tells what the
collector's state is; each is answered by a line.
"""

import collections
import gc
import json
import os
import sys

KEPT = []
GROWN = []


class Cycle:
    pass


class Grown:
    __slots__ = ("n",)

    def __init__(self, n):
        self.n = n


def classes():
    """A class of its own upon each built-in, so that its objects can be told apart."""

    class A(list):
        __slots__ = ()

    class B(dict):
        __slots__ = ()

    class C(set):
        __slots__ = ()

    class D(str):
        __slots__ = ()

    class E(int):
        __slots__ = ()

    class F(tuple):
        __slots__ = ()

    class G(bytes):
        __slots__ = ()

    class H(float):
        __slots__ = ()

    class I(collections.deque):
        __slots__ = ()

    class J(bytearray):
        __slots__ = ()

    class K(collections.OrderedDict):
        __slots__ = ()

    class L(frozenset):
        __slots__ = ()

    return A, B, C, D, E, F, G, H, I, J, K, L


def build():
    (Alist, Adict, Aset, Astr, Aint, Atuple, Abytes, Afloat, Adeque, Abytearray, Aordered, Afrozen) = (
        classes()
    )
    objects = []
    for i in range(40):
        values = range(i * 7)
        objects += [
            Alist(values),
            Adict((j, j) for j in values),
            Adict((str(j), j) for j in values),
            Aset(values),
            Astr("x" * i * 5),
            Astr("\u20ac" * i),
            Astr("\U0001f600" * i),
            Aint(3**i),
            Atuple(values),
            Abytes(b"x" * i),
            Afloat(i),
            Adeque(values),
            Abytearray(b"x" * i),
            Aordered((str(j), j) for j in range(1, i * 7 + 2)),
            Afrozen(values),
        ]
    KEPT.extend(objects)
    truth = {}
    for thing in objects:
        kind = type(thing)
        entry = truth.setdefault(f"__main__.{kind.__qualname__}", {"objects": 0, "bytes": 0})
        entry["objects"] += 1
        entry["bytes"] += sys.getsizeof(thing)
    return truth


def built_in():
    """Objects of the built-in types themselves: address and sys.getsizeof."""
    things = ["", "ascii" * 9, "caf\u00e9" * 3, "\u20ac" * 7, "\U0001f600" * 5, b"bytes", 2**70, 1.5]
    things += [tuple(range(9)), list(range(9)), dict.fromkeys(range(99)), set(range(99))]
    things += [bytearray(77), frozenset(range(9)), collections.deque(range(199)), {}, [], 2**20]
    KEPT.append(things)
    return [[id(thing), sys.getsizeof(thing)] for thing in things]


def say(**what):
    print(json.dumps(what), flush=True)


def main():
    gc.disable()
    truth = build()
    say(pid=os.getpid(), truth=truth, built_in=built_in(), tracked=len(gc.get_objects()), enabled=gc.isenabled())
    for line in iter(sys.stdin.readline, ""):
        word, _, number = line.strip().partition(" ")
        if word == "grow":
            GROWN.extend(Grown(i) for i in range(int(number)))
        elif word == "cycles":
            for _ in range(int(number)):
                one, two = Cycle(), Cycle()
                one.other, two.other = two, one
            one = two = None
        elif word == "enable":
            gc.set_threshold(1 << 30)
            gc.enable()
        elif word == "freeze":
            gc.freeze()
        elif word == "collect":
            gc.collect()
        say(tracked=len(gc.get_objects()), enabled=gc.isenabled())


if __name__ == "__main__":
    main()
