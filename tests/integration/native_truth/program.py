# SPDX-License-Identifier: Apache-2.0
"""Takes blocks in nests of Python and C functions; writes what nest.c noted to the file given.

usage: program.py NOTES CAPTURES
"""

import functools
import json
import random
import sys
import threading

import nest


def plain():
    nest.take()


def deeper(depth):
    return deeper(depth - 1) if depth else plain()


def through_c(depth):
    if depth == 0:
        return deeper(2)
    return nest.call(through_c, depth - 1)


def twice():
    nest.twice(plain)
    nest.twice(lambda: through_c(2))


def by_key(value):
    plain()
    return -value


def by_sorted():
    sorted([3, 1, 2], key=by_key)
    max([1, 2], key=lambda value: nest.call(by_key, value))
    list(map(by_key, [1, 2]))
    functools.reduce(lambda one, other: by_key(one) + by_key(other), [1, 2, 3])


def numbers(depth):
    for value in range(2):
        nest.call(deeper, depth)
        yield value
    if depth:
        yield from numbers(depth - 1)


def generators():
    for _ in numbers(2):
        plain()
    nest.call(lambda: [through_c(value) for value in numbers(1)])


class Holder:
    def __init__(self):
        nest.take()

    def __getattr__(self, name):
        plain()
        return name

    def __lt__(self, other):
        nest.call(plain)
        return True

    def __del__(self):
        plain()


def methods():
    holder = Holder()
    getattr(holder, "anything")
    sorted([Holder(), holder])
    nest.call(Holder)


def exceptions():
    try:
        nest.call(raising)
    except ValueError:
        nest.call(plain)
    plain()


def raising():
    try:
        nest.take()
        raise ValueError
    finally:
        plain()


SHAPES = [plain, lambda: deeper(9), lambda: through_c(7), twice, by_sorted, generators, methods]
SHAPES += [exceptions]


def count():
    return sum(blocks for blocks, _ in nest.notes().values())


def work(captures, chance):
    while count() < captures:
        chance.choice(SHAPES)()


def main():
    captures = int(sys.argv[2])
    work(captures // 2, random.Random(1))
    thread = threading.Thread(target=work, args=(captures, random.Random(2)))
    thread.start()
    thread.join()
    nest.raw(100)
    with open(sys.argv[1], "w") as notes:
        json.dump(nest.notes(), notes)


main()
