# SPDX-License-Identifier: Apache-2.0
"""A nested document of some 100 kB to JSON and back: strings and growing buffers."""

import json

from _timing import measure

ROUNDS = 1300


def document():
    return {
        "items": [
            {
                "id": number,
                "title": f"title of item {number} " * 3,
                "scores": [number / 7.0, number / 11.0, number / 13.0],
                "nested": {"open": number % 2 == 0, "labels": [f"label-{n}" for n in range(4)]},
            }
            for number in range(500)
        ]
    }


def work():
    total = 0
    current = document()
    for _ in range(ROUNDS):
        text = json.dumps(current)
        current = json.loads(text)
        total += len(text)
    return total


measure(work)
