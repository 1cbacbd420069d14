# SPDX-License-Identifier: Apache-2.0
"""A thread that computes all the time: who needs the GIL waits a switch interval for it.

Says {"pid"} once the thread runs; argument: the interval in seconds. Ends with its stdin.
"""

import json
import os
import sys
import threading


def compute(is_running):
    number = 0
    is_running.set()
    while True:
        number = (number * 31 + 7) % 1_000_003


is_running = threading.Event()
threading.Thread(target=compute, args=(is_running,), daemon=True).start()
is_running.wait()
sys.setswitchinterval(float(sys.argv[1]))
print(json.dumps({"pid": os.getpid()}), flush=True)
sys.stdin.read()
os._exit(0)
