# SPDX-License-Identifier: Apache-2.0
"""Plateau: a cache that grows to 200 entries of 100 kB and stays there while entries change."""

from collections import OrderedDict

from common import finish, operations, parse_arguments, site

SIZE = 100_000
HEADER = 33
LIMIT = 200
CACHE = OrderedDict()


def handle(number):
    CACHE[number] = bytes(SIZE)  # ALLOCATES
    if len(CACHE) > LIMIT:
        CACHE.popitem(last=False)


def main():
    done = 0
    for number in operations(parse_arguments(__doc__, ops=1200, rate=100.0)):
        handle(number)
        done += 1
    finish(
        verdict="plateau",
        kind="bounded_cache",
        site=site(__file__, "handle"),
        holder="__main__.CACHE",
        operations=done,
        full_after_operations=LIMIT,
        bytes_per_operation=0,
        bytes=len(CACHE) * (SIZE + HEADER),
        blocks=len(CACHE),
    )


main()
