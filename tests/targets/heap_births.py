# SPDX-License-Identifier: Apache-2.0
"""Objects of one class made at two places, some after the dump, with packers behind them."""

import json
import os
import sys
import zlib


class Node:
    def __init__(self):
        self.packer = zlib.compressobj(9)  # PACKS


def make_early():
    return [Node() for _ in range(5)]  # EARLY


def make_late():
    return [Node() for _ in range(5)]  # LATE


def line_of(mark):
    with open(__file__, encoding="utf-8") as lines:
        return next(i for i, text in enumerate(lines, 1) if text.rstrip().endswith("# " + mark))


HELD = make_early()
gone = [Node() for _ in range(50)]
del gone
HELD += make_late()
lines = {mark.lower(): line_of(mark) for mark in ("EARLY", "LATE", "PACKS")}
addresses = [hex(id(node)) for node in HELD]
print(json.dumps({"pid": os.getpid(), "lines": lines, "addresses": addresses}), flush=True)
sys.stdin.readline()
# Their memory is used again, and the dump must not be told so.
HELD.clear()
HELD += [Node() for _ in range(200)]
print(json.dumps({"done": True}), flush=True)
sys.stdin.read()
