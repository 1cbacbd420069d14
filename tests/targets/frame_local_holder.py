# SPDX-License-Identifier: Apache-2.0
"""Grows: nothing but a local variable of main(), which still runs, holds the blocks."""

from common import finish, operations, parse_arguments, site

SIZE = 50_000
HEADER = 33


def load(number):
    return bytes(SIZE + number % 2)  # ALLOCATES


def main():
    history = []
    total = 0
    for number in operations(parse_arguments(__doc__)):
        history.append(load(number))
        total += SIZE + number % 2 + HEADER
    finish(
        verdict="growing",
        kind="unbounded_container",
        site=site(__file__, "load"),
        holder="main().history",
        root="frame local",
        operations=len(history),
        bytes_per_operation=SIZE + HEADER,
        bytes=total,
        blocks=len(history),
    )


main()
