# SPDX-License-Identifier: Apache-2.0
"""What a target knows of its own objects, independent of memwhy: a file of addresses for the tests."""

import array
import gc
import sys
import types


def walk(starts):
    """The addresses of `starts`, of gc's objects and of all that the traversals say is behind them,
    those of this walk itself left out."""
    seen = set()
    pending = []
    own = {id(seen), id(pending)}
    own.add(id(own))
    first = gc.get_objects()
    own.add(id(first))
    pending.extend(starts)
    pending.extend(first)
    del first
    while pending:
        thing = pending.pop()
        if id(thing) in seen or id(thing) in own or isinstance(thing, types.FrameType):
            continue
        seen.add(id(thing))
        behind = gc.get_referents(thing)
        if isinstance(thing, types.CodeType):  # not known to gc
            behind += [thing.co_consts, thing.co_names, thing.co_filename, thing.co_name]
        pending.extend(behind)
    return seen


def save(addresses, path):
    with open(path, "wb") as file:
        array.array("Q", addresses).tofile(file)


def describe(thing):
    """A planted object: where, what, how large (itself, with its attribute values)."""
    kind = type(thing)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    return [id(thing), name, sys.getsizeof(thing)]
