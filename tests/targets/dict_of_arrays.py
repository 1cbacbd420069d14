# SPDX-License-Identifier: Apache-2.0
"""Grows: numpy arrays of 64 KiB in a dict, an attribute of an object that a global names."""

import numpy

from common import finish, operations, parse_arguments, site

VALUES = 8192  # float64: 64 KiB


class App:
    """A service object with an array for every key that it has ever seen."""

    def __init__(self):
        self.arrays = {}

    def handle(self, key):
        self.arrays[key] = numpy.arange(VALUES, dtype=numpy.float64)  # ALLOCATES


APP = App()


def main():
    done = 0
    for number in operations(parse_arguments(__doc__)):
        APP.handle(f"key-{number}")
        done += 1
    finish(
        verdict="growing",
        kind="unbounded_container",
        site=site(__file__, "App.handle"),
        holder="__main__.APP.arrays",
        operations=done,
        bytes_per_operation=VALUES * 8,
        bytes=done * VALUES * 8,
        blocks=done,
    )


main()
