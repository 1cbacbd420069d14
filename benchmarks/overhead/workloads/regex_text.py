# SPDX-License-Identifier: Apache-2.0
"""Patterns over a text of some 300 kB: matches, splits and substitutions."""

import re

from _timing import measure

ROUNDS = 150
LINES = 4000


def text():
    return "\n".join(
        f"2026-01-{1 + n % 28:02d} host-{n % 17} GET /api/v1/item/{n}?q=word{n % 101} "
        f"{200 + n % 5} {n * 37 % 9973}ms"
        for n in range(LINES)
    )


def work():
    source = text()
    line = re.compile(r"^(\S+) (\S+) GET (/\S*?)\?q=(\w+) (\d+) (\d+)ms$", re.MULTILINE)
    number = re.compile(r"\d+")
    total = 0
    for _ in range(ROUNDS):
        for match in line.finditer(source):
            total += int(match.group(6))
        replaced = number.sub(lambda match: f"<{match.group()}>", source)
        total += len(replaced.split())
        total += len(re.findall(r"word\d*7\b", source))
    return total


measure(work)
