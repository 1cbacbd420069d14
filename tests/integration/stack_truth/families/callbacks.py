# SPDX-License-Identifier: Apache-2.0
"""Python called from C."""

import contextlib
import functools

from families.shapes import scenario
from truth import take


@contextlib.contextmanager
def managed():
    take()
    try:
        yield
    finally:
        take()


@scenario
def called_from_c(blocks):
    def key(number):
        take()
        return -number

    bound = functools.partial(take, 1)
    for _ in range(blocks // 30):
        sorted(range(4), key=key)
        sorted(range(2), key=take)
        list(map(take, range(3)))
        list(map(lambda n: take(n), range(3)))
        bound()
        functools.reduce(lambda a, b: take(a), range(4))
        max(range(3), key=key)
        functools.cmp_to_key(lambda a, b: take(0))(1) < functools.cmp_to_key(key)(2)
        [*filter(take, (1, 2))]
        dict.fromkeys(map(take, "ab"))
        "".join(take(c) for c in "ab")
        with managed():
            take()
