# SPDX-License-Identifier: Apache-2.0
"""The process that is dumped: memory of some kinds, and a thread that wakes every millisecond.

    python target.py KIND=AMOUNT...

Says {"pid"} when its memory is there, then answers lines of stdin: `begin` starts a new
measurement of gaps, `worst` tells the longest one since, in milliseconds beyond the thread's own
rhythm. The thread needs the GIL to wake, as every thread of a service does.
"""

import json
import os
import sys
import threading
import time

import memory

PERIOD_S = 0.001


class Heartbeat:
    """The longest time in which a thread that wakes every millisecond did not."""

    def __init__(self):
        self.worst_ns = 0
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self):
        last = time.perf_counter_ns()
        while True:
            time.sleep(PERIOD_S)
            now = time.perf_counter_ns()
            self.worst_ns = max(self.worst_ns, now - last)
            last = now

    def worst_ms(self):
        return self.worst_ns / 1e6 - PERIOD_S * 1e3


def main():
    for part in sys.argv[1:]:
        kind, amount = part.split("=")
        memory.MAKERS[kind](float(amount))
    heartbeat = Heartbeat()
    print(json.dumps({"pid": os.getpid()}), flush=True)
    for line in sys.stdin:
        asked = line.strip()
        if asked == "rewrite":
            memory.rewrite()
        elif asked == "begin":
            heartbeat.worst_ns = 0
        print(json.dumps({"worst_ms": heartbeat.worst_ms()}), flush=True)
    os._exit(0)  # gigabytes of objects need no order


if __name__ == "__main__":
    main()
