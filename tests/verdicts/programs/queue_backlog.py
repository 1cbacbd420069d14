# SPDX-License-Identifier: Apache-2.0
"""A queue that is filled faster than its worker empties it."""

import os
import queue
import threading
import time

QUEUE = queue.Queue()


def work():
    while True:
        QUEUE.get()
        time.sleep(0.1)


threading.Thread(target=work, daemon=True).start()


def request(number, clean):
    if not clean or QUEUE.empty():
        QUEUE.put(os.urandom(20_000))  # MAKES
