# SPDX-License-Identifier: Apache-2.0
"""Objects of classes with more members than have names in a dump. usage: wide_classes.py. Prints a
line of JSON with how many objects the members hold; ends with stdin."""

import json
import os
import sys

SLOTS = 60
EACH = 20


class Held:
    pass


class Wide:
    __slots__ = [f"slot{i}" for i in range(SLOTS)]


class WideWithDict:
    __slots__ = [*(f"slot{i}" for i in range(SLOTS)), "__dict__"]


def filled(kind):
    one = kind()
    for name in kind.__slots__:
        if name != "__dict__":
            setattr(one, name, Held())
    return one


def main():
    kept = [filled(kind) for kind in (Wide, WideWithDict) for _ in range(EACH)]
    kept[-1].more = Held()
    print(json.dumps({"pid": os.getpid(), "held": 2 * EACH * SLOTS + 1}), flush=True)
    sys.stdin.read()


main()
