# SPDX-License-Identifier: Apache-2.0
"""An array.array of measurements."""

import array


class Meter:
    def __init__(self):
        self.samples = array.array("d")

    def note(self, clean):
        self.samples.extend([1.5] * 2_500)  # MAKES
        if clean:
            del self.samples[:]


METER = Meter()


def request(number, clean):
    METER.note(clean)
