# SPDX-License-Identifier: Apache-2.0
"""Healthy: builds up 20 MB over 40 operations, drops it, and starts again."""

from common import finish, operations, parse_arguments, site

SIZE = 500_000
HEADER = 33
PER_TOOTH = 40


def fill(batch):
    batch.append(bytes(SIZE))  # ALLOCATES


def main():
    batch = []
    done = 0
    for _ in operations(parse_arguments(__doc__)):
        fill(batch)
        done += 1
        if len(batch) == PER_TOOTH:
            batch = []
    finish(
        verdict="stable",
        kind=None,
        site=site(__file__, "fill"),
        holder="main().batch",
        operations=done,
        bytes_per_operation=0,
        bytes=len(batch) * (SIZE + HEADER),
        blocks=len(batch),
        peak_bytes=min(done, PER_TOOTH) * (SIZE + HEADER),
    )


main()
