# SPDX-License-Identifier: Apache-2.0
"""Workloads of the gate's benchmark: KIND is python or threads, PLANT what is wrong with it."""

import itertools
import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))

import memwhy  # noqa: E402

KIND = os.environ.get("KIND", "python")
PLANT = os.environ.get("PLANT", "")
OPERATIONS = int(os.environ.get("OPERATIONS", "900"))
BASE = [bytearray(b"x" * 1000) for _ in range(60000)]
CACHE, KEPT, FILES = {}, [], []
LOCK = threading.Lock()
THREADS = 4
if PLANT == "level":
    LEVEL = b"x" * int(1.6 * 2**20)  # PLANTED level: 2 % of about 75 MiB


def leak_object():
    KEPT.append(Session())  # PLANTED object


def leak_bytes():
    KEPT.append(bytes(10240))  # PLANTED bytes


def leak_descriptor():
    FILES.append(open(os.devnull))  # PLANTED descriptor


class Session:
    pass


def operation(number):
    data = [bytearray(1500) for _ in range(30)]
    with LOCK:
        CACHE[number % 100] = [len(data), str(number), {"n": number}]
        if PLANT == "object":
            leak_object()
        if PLANT == "bytes":
            leak_bytes()
        if PLANT == "descriptor" and number % 100 == 0:
            leak_descriptor()
    if PLANT == "descriptor":  # looked at from outside, so the run must take its time
        time.sleep(0.003 if KIND == "python" else 0.003 * THREADS)
    memwhy.mark("request")


def main():
    if KIND == "python":
        for number in range(OPERATIONS):
            operation(number)
        return
    numbers = itertools.count()  # not a queue that is full at first: it would shrink meanwhile

    def worker():
        while (number := next(numbers)) < OPERATIONS:
            operation(number)

    threads = [threading.Thread(target=worker) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
