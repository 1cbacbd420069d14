# SPDX-License-Identifier: Apache-2.0
"""Grows: a list in the closure of a callback; only the list of callbacks is a global."""

from common import finish, operations, parse_arguments, site

SIZE = 50_000
HEADER = 33
CALLBACKS = []


def register():
    seen = []

    def on_event(number):
        seen.append(bytes(SIZE))  # ALLOCATES
        return len(seen) + number

    CALLBACKS.append(on_event)


def main():
    register()
    done = 0
    for number in operations(parse_arguments(__doc__)):
        for callback in CALLBACKS:
            callback(number)
        done += 1
    finish(
        verdict="growing",
        kind="unbounded_container",
        site=site(__file__, "register.<locals>.on_event"),
        holder="__main__.CALLBACKS[0].seen",
        holder_cell="seen",
        operations=done,
        bytes_per_operation=SIZE + HEADER,
        bytes=done * (SIZE + HEADER),
        blocks=done,
    )


main()
