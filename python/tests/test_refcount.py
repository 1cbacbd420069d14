# SPDX-License-Identifier: Apache-2.0
"""memwhy.refcount() against counts that are known by construction."""

import sys

import pytest

import memwhy


class Thing:
    pass


def same(thing):
    return thing


# pytest keeps the values of an assert's expressions, so counts are taken before.
def test_local_variable_counts_once():
    thing = Thing()
    once = memwhy.refcount(thing)
    other = thing
    twice = memwhy.refcount(thing)
    del other
    again = memwhy.refcount(thing)
    assert (once, twice, again) == (1, 2, 1)


def test_containers_and_attributes_count():
    thing = Thing()
    kept = [thing, thing, {"key": thing}]
    count = memwhy.refcount(thing)
    holder = Thing()
    holder.child = Thing()
    of_attribute = memwhy.refcount(holder.child)
    of_item = memwhy.refcount(kept[2])
    of_key = memwhy.refcount(kept[2]["key"])
    assert (count, of_attribute, of_item, of_key) == (4, 1, 1, 4)


def test_objects_of_the_expression_count_nothing():
    counts = [
        memwhy.refcount(Thing()),
        memwhy.refcount([]),
        memwhy.refcount([1, 2] + [3]),
        memwhy.refcount({**{}}),
        memwhy.refcount(same(Thing())),
        memwhy.refcount(bytearray(3)),
    ]
    assert counts == [0] * 6


def test_nested_calls():
    thing = Thing()
    count = memwhy.refcount(same(thing))
    deeper = max(memwhy.refcount(thing), memwhy.refcount(same(same(thing))))
    assert (count, deeper) == (1, 1)


def test_closures_and_globals_count():
    thing = Thing()

    def inside():
        return memwhy.refcount(thing)

    of_cell = inside()
    globals()["global_thing"] = Thing()
    of_global = memwhy.refcount(global_thing)  # noqa: F821
    del globals()["global_thing"]
    assert (of_cell, of_global) == (1, 1)


def test_warm_code_counts_the_same():
    thing = Thing()
    thing.child = Thing()
    counts = set()
    for _ in range(5000):
        counts.add((memwhy.refcount(thing), memwhy.refcount(thing.child), memwhy.refcount(Thing())))
    assert counts == {(1, 1, 0)}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="every object has a count before 3.12")
def test_immortal_objects_have_no_count():
    counts = [memwhy.refcount(immortal) for immortal in (None, True, 7, "", (), int)]
    assert counts == [None] * 6
    assert memwhy.refcount(10**20) is not None


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from 3.12 on")
def test_none_has_a_count():
    assert memwhy.refcount(None) > 100


def test_tracing_changes_nothing():
    thing = Thing()
    sys.settrace(lambda *unused: None)
    try:
        count = memwhy.refcount(thing)
    finally:
        sys.settrace(None)
    assert count == 1
