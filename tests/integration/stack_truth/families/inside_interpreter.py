# SPDX-License-Identifier: Apache-2.0
"""What a sub-interpreter runs (interpreters.py): nothing of it is shared with the main one."""

import threading

from truth import take, take_free, take_held


def descend(depth):
    return descend(depth - 1) if depth else take()


class Adding:
    def __add__(self, other):
        take()
        return self

    def __del__(self):
        take_held()


def yielding(count):
    for number in range(count):
        take()
        yield number
        take_free()


def few(blocks):
    for _ in range(blocks // 3):
        take()
        take_free()
        take_held()


def shapes(blocks):
    for number in range(max(1, blocks // 14)):
        descend(number % 9)
        few(3)
        Adding() + 1
        [take_free(n) for n in range(2)]
        sorted(range(2), key=lambda n: take() or n)
        try:
            raise KeyError(take(1))
        except KeyError:
            take_free()
        scope = {"take": take}
        exec(f"def made_{number % 50}():\n    take()\n", scope)
        scope[f"made_{number % 50}"]()


def generators(blocks):
    made = [yielding(6) for _ in range(max(1, blocks // 12))]
    while made:
        made = [g for g in made if next(g, None) is not None]


def threads(blocks):
    def live():
        shapes(blocks // 4)

    started = [threading.Thread(target=live) for _ in range(2)]
    for thread in started:
        thread.start()
    few(blocks // 4)
    for thread in started:
        thread.join()
