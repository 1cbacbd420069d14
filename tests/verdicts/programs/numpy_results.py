# SPDX-License-Identifier: Apache-2.0
"""numpy arrays in a dict of an object."""

import numpy


class Index:
    def __init__(self):
        self.vectors = {}

    def add(self, key):
        self.vectors[key] = numpy.zeros(4_000) + key  # MAKES


INDEX = Index()


def request(number, clean):
    INDEX.add(number % 50 if clean else number)
