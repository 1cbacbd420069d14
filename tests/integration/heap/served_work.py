# SPDX-License-Identifier: Apache-2.0
"""What the services that are dumped while they serve have in common: their work, and what they see.

The work changes the heap at every request and leaves cycles, so that collections are due all the
time. Whoever asks can tell a right answer from a wrong one by the number alone.
"""

import gc
import json
import os
import signal
import threading

KEPT = [
    {"number": i, "text": f"item {i}", "before": None}
    for i in range(int(os.environ.get("KEPT_ITEMS", "20000")))
]
SIGNALS = []  # SIGCHLD as this process got it
FORKS = []  # forks that Python knows of
SERVED = [0]
LOCK = threading.Lock()


def watch():
    signal.signal(signal.SIGCHLD, lambda *_: SIGNALS.append("SIGCHLD"))
    os.register_at_fork(before=lambda: FORKS.append(os.getpid()))


def answer(path):
    """The bytes that answer GET `path`: /work/N or /state."""
    _, kind, *rest = path.split("/")
    if kind == "state":
        return json.dumps(state()).encode()
    number = int(rest[0])
    with LOCK:
        SERVED[0] += 1
    cycle = {"number": number}
    cycle["itself"] = cycle
    KEPT[number % len(KEPT)] = {"number": number, "text": "x" * (number % 2000), "before": (cycle,)}
    return json.dumps(
        {
            "number": number,
            "sum": sum(range(number % 1000)),
            "text": KEPT[number % len(KEPT)]["text"],
            "pid": os.getpid(),
        }
    ).encode()


def state():
    """What a dump must not change, as the process itself sees it, and how much it has served."""
    try:
        child = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        child = None
    return {
        "pid": os.getpid(),
        "served": SERVED[0],
        "collects": gc.isenabled(),
        "threshold": gc.get_threshold(),
        "collections": sum(row["collections"] for row in gc.get_stats()),
        "threads": threading.active_count(),
        "signals": SIGNALS,
        "forks": FORKS,
        "child": child,
    }
