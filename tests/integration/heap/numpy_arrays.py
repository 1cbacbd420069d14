# SPDX-License-Identifier: Apache-2.0
"""Objects held by numpy arrays of every form; each of a class of its own, and nothing else has it.

Prints a line of JSON: the pid, the objects and arrays, what the paths must say, the lost references. Each line
of stdin is a JSON list of addresses of objects, answered by what numpy has them for.
"""

import ctypes
import gc
import json
import os
import sys

import numpy as np
import references
from truth import describe


def make(name):
    return type(name, (), {})


NAMES = ["Flat", "Nested", "View", "Base", "Field", "SubField", "Inner", "Scalar", "Strided", "Fortran"]
NAMES += ["Wide", "Reversed", "Masked", "Attribute", "Mixed", "Broadcast", "Big", "Lost"]
CLASS = {name: make(name) for name in NAMES}
NUMBER = 50


class Tagged(np.ndarray):  # a subclass with attributes
    pass


def purpose(address):
    """What numpy has an object for of which it is known to lose references: a loop's tuple of types and
    method (numpy/numpy#30756; those of init_promoter in string_ufuncs.cpp are not mended), or the value
    of an empty reduction (identity_obj in legacy_array_method.c). Others: their type."""
    thing = ctypes.cast(address, ctypes.py_object).value
    kind = type(thing)
    if kind is tuple and len(thing) == 2 and type(thing[0]) is tuple:
        if type(thing[1]).__name__ in ("_ArrayMethod", "PyCapsule", "CapsuleType"):
            return "loop"
    if any(thing is ufunc.identity for ufunc in (np.logaddexp, np.logaddexp2)):
        return "identity"
    return kind.__name__


def some(name, number=NUMBER):
    return [CLASS[name]() for _ in range(number)]


def filled(shape, items, **more):
    array = np.empty(shape, dtype=object, **more)
    for place, item in zip(np.ndindex(array.shape), items):
        array[place] = item
    return array


FLAT = filled(NUMBER, some("Flat"))
NESTED = filled(2, [filled(NUMBER, some("Nested")), filled((5, 5), some("Inner", 25))])
VIEW = filled(NUMBER, some("View"))[10:40]  # its base holds all of them
ALONE = filled(NUMBER, some("Base"))[::-1]
FIELDS = np.zeros(NUMBER, dtype=[("number", "i4"), ("thing", "O"), ("pad", "u1")])
FIELDS["thing"] = some("Field")
DEEP = np.zeros(5, dtype=[("a", "u1"), ("inner", [("x", "O"), ("y", "f8")], (2,)), ("z", "O", (3,))])
DEEP["inner"]["x"] = np.array(some("SubField", 10), dtype=object).reshape(5, 2)
DEEP["z"] = np.array(some("Mixed", 15), dtype=object).reshape(5, 3)
SCALAR = filled((), some("Scalar", 1))
STRIDED = filled((10, 10), some("Strided", 100))[::3, ::2]
FORTRAN = filled((5, 10), some("Fortran"), order="F")
WIDE = filled((2, 3, 4, 2), some("Wide", 48))
REVERSED = filled(NUMBER, some("Reversed"))[::-1].copy()
MASKED = np.ma.masked_array(filled(NUMBER, some("Masked")), mask=[i % 2 for i in range(NUMBER)])
TAGGED = np.zeros(100).view(Tagged)
TAGGED.thing = some("Attribute", 1)[0]
BROADCAST = np.broadcast_to(filled(1, some("Broadcast", 1)), (40,))
BIG = filled(40_000, some("Big", 40_000))  # in a mapping of its own
RECORD = FIELDS[3]  # refers into the array
EMPTY = np.empty(0, dtype=object)
HOLES = np.empty(NUMBER, dtype=object)  # null or None, by version
LATER = np.empty((0, 4), dtype=[("thing", "O")])
NUMBERS = np.arange(1000)
ITERATOR = iter(FLAT)
FLATTER = FLAT.flat

# Where each is: the path has these parts, in this order.
HOLDERS = {
    "Flat": ["__main__.FLAT[0]"],
    "Nested": ["__main__.NESTED[", "]["],
    "Inner": ["__main__.NESTED[", "]["],
    "View": ["__main__.VIEW.base"],
    "Base": ["__main__.ALONE.base"],
    "Field": ["__main__.FIELDS["],
    "SubField": ["__main__.DEEP["],
    "Mixed": ["__main__.DEEP["],
    "Scalar": ["SCALAR"],
    "Strided": ["__main__.STRIDED.base"],
    "Fortran": ["FORTRAN"],
    "Wide": ["WIDE"],
    "Reversed": ["REVERSED"],
    "Masked": ["__main__.MASKED"],
    "Attribute": ["TAGGED.thing"],
    "Broadcast": ["__main__.BROADCAST.base"],
    "Big": ["BIG"],
}


def main():
    gc.collect()
    things = [thing for thing in gc.get_objects() if type(thing) in CLASS.values()]
    arrays = [value for value in globals().values() if isinstance(value, np.ndarray)]
    lost = [CLASS["Lost"]() for _ in range(100)]
    for thing in lost:
        references.leak(thing)
    for i, thing in enumerate(lost[:NUMBER]):  # half of them an array holds, too
        HOLES[i] = thing
    print(
        json.dumps(
            {
                "pid": os.getpid(),
                "numpy": np.__version__,
                "things": [[id(thing), type(thing).__name__] for thing in things],
                "arrays": [describe(array) for array in arrays],
                "holders": HOLDERS,
                "lost": [id(thing) for thing in lost],
            }
        ),
        flush=True,
    )
    del things, arrays, lost, thing
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps([purpose(address) for address in json.loads(line)]), flush=True)


if __name__ == "__main__":
    main()
