# SPDX-License-Identifier: Apache-2.0
"""Arrays of 1 kB to 1 MB made, combined and dropped: malloc and mmap in quick turn."""

import numpy

from _timing import measure

ROUNDS = 1500
SIZES = (128, 1024, 8192, 32768, 131072)  # float64 values: 1 KiB to 1 MiB


def step(size, scale):
    values = numpy.arange(size, dtype=numpy.float64)
    scaled = values * scale + 1.0
    rooted = numpy.sqrt(scaled)
    return float(rooted[-1])


def work():
    total = 0.0
    for round_number in range(ROUNDS):
        for size in SIZES:
            total += step(size, 1.0 + round_number % 7)
    return round(total, 3)


measure(work)
