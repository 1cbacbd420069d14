# SPDX-License-Identifier: Apache-2.0
"""One call of another heap tool on the same records, in a process of its own.

    python other_tool.py CALL OBJECTS

Says {"seconds", "standstill_s", "added_bytes", "seen"}: how long the call takes, the longest time
in which no other thread got the GIL meanwhile, what the largest rss was above that before, and how
many objects the tool counted (null: it does not count).
"""

import json
import sys
import threading
import time

import records

BEAT_S = 0.001


def typestats():
    import objgraph

    return lambda: sum(objgraph.typestats(shortnames=False).values())


def growth():
    import objgraph

    return lambda: objgraph.growth() and None


def backref_chain():
    import objgraph

    record = records.CACHE[next(iter(records.CACHE))]

    def find():
        chain = objgraph.find_backref_chain(record, objgraph.is_proper_module)
        assert objgraph.is_proper_module(chain[0]), "no chain was found"

    return find


def guppy_heap():
    from guppy import hpy

    return lambda: hpy().heap().count


def guppy_byrcs():
    from guppy import hpy

    return lambda: hpy().heap().byrcs.count


def pympler_summary():
    from pympler import muppy, summary

    return lambda: sum(row[1] for row in summary.summarize(muppy.get_objects()))


CALLS = {
    "objgraph.typestats": typestats,
    "objgraph.growth": growth,
    "objgraph.find_backref_chain": backref_chain,
    "guppy heap()": guppy_heap,
    "guppy heap().byrcs": guppy_byrcs,
    "pympler summary": pympler_summary,
}


class Heartbeat(threading.Thread):
    """A thread of the service: notes the longest time in which it could not run."""

    def __init__(self):
        super().__init__(daemon=True)
        self.longest = 0.0
        self.is_over = False

    def run(self):
        last = time.perf_counter()
        while not self.is_over:
            time.sleep(BEAT_S)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last)
            last = now


def status_bytes(name):
    with open("/proc/self/status", encoding="ascii") as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    prepare, objects = CALLS[sys.argv[1]], int(sys.argv[2])
    records.build(objects)
    call = prepare()
    heart = Heartbeat()
    heart.start()
    with open("/proc/self/clear_refs", "w", encoding="ascii") as peak:
        peak.write("5")  # the largest rss begins anew
    before = status_bytes("VmRSS")
    begun = time.perf_counter()
    seen = call()
    seconds = time.perf_counter() - begun
    added = status_bytes("VmHWM") - before
    heart.is_over = True
    heart.join()
    numbers = {"seconds": seconds, "standstill_s": heart.longest}
    print(json.dumps({**numbers, "added_bytes": max(added, 0), "seen": seen}))


if __name__ == "__main__":
    main()
