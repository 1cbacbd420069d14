# SPDX-License-Identifier: Apache-2.0
"""Finished futures in a list hold their results."""

import concurrent.futures
import os

EXECUTOR = concurrent.futures.ThreadPoolExecutor(2)
FUTURES = []


def work():
    return os.urandom(20_000)  # MAKES


def request(number, clean):
    FUTURES.append(EXECUTOR.submit(work))
    if clean:
        FUTURES.pop().result()
