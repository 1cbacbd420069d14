# SPDX-License-Identifier: Apache-2.0
"""A list of finished jobs that nobody shortens."""

import os


class Job:
    def __init__(self, number):
        self.number = number
        self.result = os.urandom(20_000)  # MAKES


class Worker:
    def __init__(self):
        self.finished = []

    def run(self, number, clean):
        self.finished.append(Job(number))
        if clean and len(self.finished) > 100:
            self.finished.clear()


WORKER = Worker()


def request(number, clean):
    WORKER.run(number, clean)
