# SPDX-License-Identifier: Apache-2.0
"""A queue whose worker keeps up."""

import os
import queue
import threading

QUEUE = queue.Queue(100)


def work():
    while True:
        QUEUE.get()


threading.Thread(target=work, daemon=True).start()


def request(number, clean):
    QUEUE.put(os.urandom(50_000))
