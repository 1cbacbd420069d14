# SPDX-License-Identifier: Apache-2.0
"""A server whose requests hold memory while they run, for the governor's tests and benchmark.

It makes its own load: clients come at a rate that rises from 1 to RATE per second within RAMP
seconds. A request holds MIB for HOLD seconds, in bytes that are written. Prints "done FINISHED" at
its end. usage: governed_server.py PAGE SECONDS [--mib N] [--hold S] [--rate R] [--ramp S] [--max N]
[--fallback N] [--without-cap]
"""

import argparse
import contextlib
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "python"))

from memwhy.govern import ConcurrencyCap, Refused  # noqa: E402


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("page")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--mib", type=int, default=8)
    parser.add_argument("--hold", type=float, default=2.0)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--ramp", type=float, default=10.0)
    parser.add_argument("--max", type=int, default=64)
    parser.add_argument("--fallback", type=int)
    return parser.parse_args()


def main():
    options = parse()
    cap = ConcurrencyCap(options.page, options.max, fallback=options.fallback)
    finished = 0
    lock = threading.Lock()

    def request():
        nonlocal finished
        with contextlib.suppress(Refused), cap.admit(deadline=5):
            memory = bytearray(0)
            # As a cache of keys and values: it grows while the request runs.
            for _ in range(options.mib):
                memory += b"x" * (1 << 20)
                time.sleep(options.hold / options.mib)
            with lock:
                finished += 1

    begin = time.monotonic()
    while (now := time.monotonic() - begin) < options.seconds:
        threading.Thread(target=request, daemon=True).start()
        rate = 1 + (options.rate - 1) * min(1.0, now / options.ramp)
        time.sleep(1 / rate)
    cap.close()
    print("done", finished, flush=True)
    os._exit(0)


main()
