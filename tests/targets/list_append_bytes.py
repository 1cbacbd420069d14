# SPDX-License-Identifier: Apache-2.0
"""Grows: a list of the module gets one bytes object of 100 kB per operation."""

from common import finish, operations, parse_arguments, site

SIZE = 100_000
HEADER = 33  # bytes(n) asks for n + 33 bytes
PAYLOADS = []


def handle():
    PAYLOADS.append(bytes(SIZE))  # ALLOCATES


def main():
    done = 0
    for _ in operations(parse_arguments(__doc__)):
        handle()
        done += 1
    finish(
        verdict="growing",
        kind="unbounded_container",
        site=site(__file__, "handle"),
        holder="__main__.PAYLOADS",
        operations=done,
        bytes_per_operation=SIZE + HEADER,
        bytes=done * (SIZE + HEADER),
        blocks=done,
    )


main()
