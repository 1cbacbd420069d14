# SPDX-License-Identifier: Apache-2.0
"""An array that is replaced by a longer one with every request."""

import numpy as np


class Series:
    def __init__(self):
        self.values = np.zeros(10_000)

    def append(self, rows, clean):
        self.values = np.concatenate([self.values, rows])  # MAKES
        if clean:
            self.values = self.values[-10_000:].copy()


SERIES = Series()


def request(number, clean):
    SERIES.append(np.full(2_500, 1.5), clean)
