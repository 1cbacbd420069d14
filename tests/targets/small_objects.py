# SPDX-License-Identifier: Apache-2.0
"""Grows: records of small tuples, dicts and strings, each below 512 bytes, so in pymalloc's pools.

Only arenas are seen by who watches malloc and mmap; the objects by who reads the heap.
"""

import sys

from common import finish, operations, parse_arguments, site

RECORDS_PER_OPERATION = 100
RECORDS = {}


def make(number, index):
    fields = {"seen": (number, index), "text": f"t{number}-{index}"}
    return (number, f"record {number} {index}", fields)


def handle(number):
    for index in range(RECORDS_PER_OPERATION):
        RECORDS[f"{number}/{index}"] = make(number, index)  # HOLDS


def shallow_bytes(key, record):
    number, name, fields = record
    parts = (key, record, name, fields, fields["seen"], fields["text"])
    return sum(map(sys.getsizeof, parts))


def main():
    done = 0
    for number in operations(parse_arguments(__doc__)):
        handle(number)
        done += 1
    records = sum(shallow_bytes(key, record) for key, record in RECORDS.items())
    finish(
        verdict="growing",
        kind="unbounded_container",
        bytes_layer="interpreter",
        site=site(__file__, "handle", "HOLDS"),
        allocates="make",
        holder="__main__.RECORDS",
        operations=done,
        bytes_per_operation=records // done if done else None,
        bytes=records,
        table_bytes=sys.getsizeof(RECORDS),
        objects=6 * len(RECORDS),
    )


main()
