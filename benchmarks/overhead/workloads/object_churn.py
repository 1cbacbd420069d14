# SPDX-License-Identifier: Apache-2.0
"""Small dicts, lists and strings made and dropped: few calls of malloc, many of pymalloc."""

from _timing import measure

ROUNDS = 900
RECORDS = 4000


def build(round_number):
    return [
        {"id": number, "name": f"record-{round_number}-{number}", "tags": [number, number + 1]}
        for number in range(RECORDS)
    ]


def work():
    total = 0
    window = []
    for round_number in range(ROUNDS):
        window.append(build(round_number))
        if len(window) > 4:
            oldest = window.pop(0)
            total += sum(record["id"] + len(record["name"]) for record in oldest)
        index = {record["name"]: record["tags"] for record in window[-1]}
        total += len(index)
    return total


measure(work)
