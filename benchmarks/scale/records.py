# SPDX-License-Identifier: Apache-2.0
"""The heap that every tool looks at: records of 9 objects, linked with each other, and one cache.

A record is an instance, an int, a str, a list with an int and the record before, a dict with a
float, and a tuple of an int and a record somewhere before. Only records are shared.
"""

import gc
import random

OBJECTS_PER_RECORD = 9
CACHE = {}


class Record:
    def __init__(self, number, name, values, facts, pair):
        self.number = number
        self.name = name
        self.values = values
        self.facts = facts
        self.pair = pair


def build(objects):
    """Fills CACHE with about that many objects; returns how many are in records."""
    first = 1 << 20  # above the ints that CPython shares
    records = []
    choose = random.Random(1).random
    gc.disable()  # a collection now and then would only make building slow
    before = None
    for i in range(objects // OBJECTS_PER_RECORD):
        number = first + 4 * i
        far = records[int(choose() * i)] if i else None
        name = f"record-{i}"
        record = Record(
            number, name, [number + 1, before], {"score": number + 0.5}, (number + 2, far)
        )
        records.append(record)
        CACHE[name] = before = record
    gc.enable()
    gc.collect()
    return len(records) * OBJECTS_PER_RECORD
