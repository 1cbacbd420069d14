# SPDX-License-Identifier: Apache-2.0
"""A thread for each request that ends."""

import threading


def work():
    return bytes(100_000)


def request(number, clean):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
