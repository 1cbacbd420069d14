# SPDX-License-Identifier: Apache-2.0
"""functools.lru_cache on a method keeps every instance."""

import functools
import os


class Model:
    def __init__(self, number):
        self.number = number
        self.weights = os.urandom(20_000)  # MAKES

    @functools.lru_cache(maxsize=None)
    def score(self, text):
        return len(text) + self.number


MODEL = Model(0)


def request(number, clean):
    (MODEL if clean else Model(number)).score("text")
