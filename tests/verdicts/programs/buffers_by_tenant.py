# SPDX-License-Identifier: Apache-2.0
"""A few byte arrays that get longer in turn; two functions write to them."""

BUFFERS = {name: bytearray() for name in ("red", "green", "blue", "grey", "black")}
LINES = b"a line of the log, as it was written\n" * 500


def write(name, data):
    BUFFERS[name] += data  # MAKES


def from_timer(name):
    write(name, LINES)


def from_client(name):
    write(name, LINES)


def request(number, clean):
    name = list(BUFFERS)[number // 2 % len(BUFFERS)]
    (from_timer if number % 2 else from_client)(name)
    if clean and len(BUFFERS[name]) > 100_000:
        BUFFERS[name].clear()
