# SPDX-License-Identifier: Apache-2.0
"""A pool of threads that grows to its size."""

import concurrent.futures
import time

POOL = concurrent.futures.ThreadPoolExecutor(32)


def work(number):
    time.sleep(0.05)
    return bytes(50_000)


def request(number, clean):
    POOL.submit(work, number).add_done_callback(lambda future: future.result())
