# SPDX-License-Identifier: Apache-2.0
"""Calls of every kind: from Python, from C, through descriptors, with exceptions."""

import functools

from families.shapes import deep, descend, scenario
from truth import take, take_free, take_held


@scenario
def plain(blocks):
    for _ in range(blocks // 3):
        take()
        take_held(
            1,
            2,
        )
        (
            take_free
        )(
            blocks
        )


@scenario
def recursion(blocks):
    while blocks > 0:
        descend(60)
        blocks -= 9


@scenario
def thousand_deep(blocks):
    for part in range(4):
        deep(1000 + part, blocks // 40)


@scenario
def exceptions(blocks):
    def fail(depth):
        take()
        if depth == 0:
            raise KeyError(take_held(depth))
        fail(depth - 1)

    for number in range(blocks // 12):
        try:
            fail(number % 5)
        except KeyError as error:
            take()
            try:
                raise RuntimeError from error
            except RuntimeError:
                take()
            finally:
                take_free()
        else:
            take()


@scenario
def comprehensions(blocks):
    for _ in range(blocks // 16):
        [take(n) for n in range(4)]
        {take(n) for n in range(2)}
        {take(n): take_held(n) for n in range(2)}
        list(take(n) for n in range(2))
        [[take() for _ in range(2)] for _ in range(2)]


def decorated(function):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        take()
        return function(*arguments, **named)

    return wrapper


class Base:
    @decorated
    def method(self):
        take()

    @property
    def value(self):
        return take(1)

    @value.setter
    def value(self, new):
        take_held(new)

    @classmethod
    def of_class(cls):
        take()

    @staticmethod
    def of_none():
        take()

    def __getattr__(self, name):
        take()
        return name

    def __call__(self):
        take()

    def __add__(self, other):
        take()
        return self

    def __len__(self):
        return take(0)

    def __eq__(self, other):
        take()
        return True

    __hash__ = None

    def __iter__(self):
        take()
        return iter(())


class Derived(Base):
    def method(self):
        super().method()
        take_free()

    def __init_subclass__(cls):
        take()

    class Inner:
        @staticmethod
        def call():
            (lambda: take())()


@scenario
def classes(blocks):
    derived = Derived()
    for _ in range(blocks // 18):
        derived.method()
        derived.value = derived.value
        Derived.of_class()
        derived.of_none()
        derived.missing
        derived()
        derived + derived
        len(derived)
        derived == 1
        list(derived)
        Derived.Inner.call()

        class Local(Derived):
            take()
            field = take_held(1)


@scenario
def closures(blocks):
    def outer(depth):
        seen = take(depth)

        def inner():
            nonlocal seen
            seen = take_free(seen)
            return outer(depth - 1) if depth else None

        return inner()

    for _ in range(blocks // 12):
        outer(5)


@scenario
def lambdas(blocks):
    for _ in range(blocks // 4):
        (lambda: take())()
        (lambda n: n or take())(0)
        (lambda *a, **k: [take(x) for x in a])(1)
        take((lambda: 1)())
