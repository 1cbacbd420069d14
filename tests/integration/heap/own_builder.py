# SPDX-License-Identifier: Apache-2.0
"""Objects of many kinds in known numbers: kept by Python, held by C code alone, lost by C code; and
memory full of what such objects leave behind.

usage: own_builder.py FOLDER. The extensions live_blocks and references are on the path. Prints a line
of JSON; each line of stdin is a JSON list of addresses, answered by what live_blocks knows of them.
"""

import live_blocks  # first of all: it sees blocks from now on

import array
import collections
import datetime
import decimal
import gc
import hashlib
import json
import os
import struct
import sys
import threading
import weakref
import zlib

import references
from truth import describe, save, walk

EACH = 60
FOLDER = sys.argv[1]


class Plain:
    def __init__(self, n):
        self.first, self.second = n, [n]


class Slotted:
    __slots__ = ("n", "__weakref__")

    def __init__(self, n):
        self.n = n


class Bare:  # not known to gc, whatever happens
    __slots__ = ()


class Text(str):
    __slots__ = ()


class Number(int):
    __slots__ = ()


class Real(float):
    __slots__ = ()


class Above(type):
    pass


class Meta(type, metaclass=Above):
    pass


class Made(metaclass=Meta):  # by a metaclass that another one has made
    __slots__ = ("n",)

    def __init__(self, n):
        self.n = [n]


class Own(type, metaclass=Above):
    pass


Own.__class__ = Own


class MadeByOwn(metaclass=Own):  # by a metaclass that is its own
    __slots__ = ("n",)

    def __init__(self, n):
        self.n = n


class Failure(Exception):
    pass


def producer(n):
    kept = [n]
    while True:
        yield kept


def advanced(n):
    made = producer(n)
    next(made)
    return made


def raised(n):
    try:
        raise Failure(n)
    except Failure as error:
        return error.with_traceback(None)


def compiled(text):
    """With the copy in UTF-8 that C code has asked for and that the str keeps."""
    compile(text, "text", "eval")
    return text


# What has a life of its own, by a number that makes it one of a kind.
MAKERS = [
    Plain,
    Slotted,
    Made,
    MadeByOwn,
    lambda n: 10**12 + n,
    lambda n: 3**200 + n,
    lambda n: n + 0.5,
    lambda n: complex(n, 1),
    lambda n: b"%d bytes" % n,
    lambda n: b"%d" % n * 300,  # beyond pymalloc
    lambda n: f"text number {n}",
    lambda n: f"caf\u00e9 {n}",
    lambda n: f"\u20ac {n}",
    lambda n: f"\U0001f600 {n}",
    lambda n: f"{n}" * 300,
    lambda n: compiled(f"'caf\u00e9 {n}'"),
    lambda n: compiled(f"'\u20ac {n} {'-' * 100}'"),
    lambda n: compiled(Text(f"'\u20ac {n}'")),
    lambda n: compiled(Text(f"'{n}'")),
    lambda n: (n + 10**6, "never seen by gc"),
    lambda n: (n, [n]),
    lambda n: [n],
    lambda n: [],
    lambda n: {},
    lambda n: {n: n + 10**6},
    lambda n: {f"key {n}": [n]},
    lambda n: {n, n + 10**6},
    lambda n: frozenset([n, n + 10**6]),
    lambda n: collections.deque([n] * (n + 1)),
    lambda n: collections.OrderedDict(a=n),
    lambda n: bytearray(b"x" * n),
    lambda n: range(n, n + 10**6),
    lambda n: slice(n, None),
    lambda n: array.array("d", [n]),
    lambda n: memoryview(b"%d seen" % n),
    lambda n: decimal.Decimal(n) / 7,
    lambda n: datetime.datetime(2000, 1, 1) + datetime.timedelta(n),
    lambda n: datetime.timezone(datetime.timedelta(minutes=n + 1)),
    lambda n: struct.Struct(f"{n + 1}i"),
    lambda n: hashlib.blake2b(b"%d" % n),
    lambda n: threading.Lock(),
    producer,
    advanced,
    raised,
    lambda n: (lambda: n),
    lambda n: [].append,
    lambda n: iter([n]),
    lambda n: weakref.ref(KEY, lambda _: n),
    lambda n: object(),
    lambda n: Bare(),
    lambda n: Text(n),
    lambda n: Number(n),
    lambda n: Real(n),
]

# Their C parts do not clear the memory that they get: words that were there before stay, and a search
# cannot tell them from references. So they come first.
UNCLEAN = [lambda n: zlib.compressobj(1)]


class Key:
    pass


KEY = Key()
KEPT = []


class Unseen:  # of this class no object is in Python's hands
    __slots__ = ()


class UnseenText(str):
    __slots__ = ()


def lose(makers, how, number):
    """Objects of which only `how` knows in the end."""
    planted = []
    for make in makers:
        for n in range(number):
            thing = make(n)
            planted.append(describe(thing))
            how(thing)
            del thing
    return planted


def litter(makers):
    """Makes and drops many of each kind, so that free memory is full of their heads."""
    rubbish = [[make(n) for n in range(3 * EACH)] for make in makers]
    addresses = [id(thing) for things in rubbish for thing in things]
    rubbish.clear()
    return addresses


def main():
    gc.collect()
    gc.disable()
    kept = []

    def keep(makers):
        for make in makers:
            things = [make(n) for n in range(EACH)]
            kept.extend(map(describe, things))
            KEPT.append(things)

    keep(UNCLEAN)
    unseen = [lambda n: Unseen(), lambda n: UnseenText(f"unseen {n}")]
    litter(MAKERS + unseen)
    keep(MAKERS)
    held = lose(MAKERS, references.keep_static, 5) + lose(MAKERS, references.keep_malloc, 5)
    lost = lose(MAKERS + unseen, references.leak, 10)
    dead = litter(MAKERS + unseen)
    live_blocks.mark()
    known = walk(())
    save(known, os.path.join(FOLDER, "known"))
    del known
    print(json.dumps({"pid": os.getpid(), "kept": kept, "held": held, "lost": lost, "dead": dead}), flush=True)
    live_blocks.wait_for_input()
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps(live_blocks.states(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
