# SPDX-License-Identifier: Apache-2.0
"""Threads of their own, tracing, the depth limit, and one that keeps the GIL busy."""

import sys
import threading

from families.calls import closures
from families.shapes import deep, descend, only_on_main_thread, scenario
from truth import take


@scenario
def short_threads(blocks):
    def live(count):
        descend(5)
        for _ in range(count):
            take()

    while blocks > 0:
        threads = [threading.Thread(target=live, args=(8,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        blocks -= 36


@only_on_main_thread
def traced(blocks):
    def trace(frame, event, argument):
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        closures(blocks // 2)
    finally:
        sys.settrace(before)
    sys.setprofile(lambda *event: None)
    try:
        closures(blocks // 2)
    finally:
        sys.setprofile(None)


def beyond_the_depth_limit():
    """20 blocks on a stack deeper than what is recorded: must be marked as truncated."""

    def start():
        sys.setrecursionlimit(12_000)
        deep(9_000, 20)

    size = threading.stack_size(512 << 20)
    thread = threading.Thread(target=start)
    thread.start()
    threading.stack_size(size)
    thread.join()


def keep_busy(is_done):
    """Holds the GIL as often as it can, with stacks and code objects of its own."""

    def spin(depth):
        return spin(depth - 1) + 1 if depth else sum(i * i for i in range(50))

    while not is_done:
        spin(40)
        scope = {}
        exec(compile("def busy_made(x):\n    return x", "/generated/busy.py", "exec"), scope)
        scope["busy_made"](1)
