# SPDX-License-Identifier: Apache-2.0
"""Calls each planted mistake; comments CALL:name mark the Python lines. usage: MODULE [fine]"""

import importlib
import sys

planted = importlib.import_module(sys.argv[1])
lose = planted.lose if hasattr(planted, "lose") else planted.Cache().lose


def lose_one():
    lose(1000)


def lose_some():
    for _ in range(3):
        lose_one()  # CALL:lose


def lose_object():
    planted.lose_object(5000)


def through():
    return planted.fine(planted.after_free)


def main():
    planted.fine(lambda: 1)
    if "fine" in sys.argv:
        return
    lose_some()
    lose_object()  # CALL:lose_object
    through()  # CALL:after_free
    sorted([2, 1], key=lambda _: planted.beyond() or 0)  # CALL:beyond
    planted.unset()


main()
