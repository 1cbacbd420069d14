# SPDX-License-Identifier: Apache-2.0
"""Makes small objects as it is asked to, by lines of stdin, and says where they lie.

With the argument `grow` it keeps one more object 100 times a second, until it is ended.
"""

import json
import os
import sys
import threading
import time
import tracemalloc

HELD = {}
SIZE = 48  # of the data; the whole block has the same address as the object


def make(count):
    made = [None] * count
    for i in range(count):
        made[i] = bytes(SIZE)
    return made


def make_in_threads(count, threads):
    parts = [None] * threads

    def work(number):
        parts[number] = make(count // threads)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [one for part in parts for one in part]


def add(name, count, threads=0):
    made = make_in_threads(int(count), int(threads)) if int(threads) else make(int(count))
    HELD[name] = made
    return {"addresses": [hex(id(one)) for one in made]}


def drop(name, count):
    del HELD[name][: int(count)]
    return {}


def fork():
    child = os.fork()
    if child == 0:
        os._exit(0 if len(make(500)) == 500 else 1)
    return {"status": os.waitpid(child, 0)[1]}


def trace(how):
    tracemalloc.start() if how == "start" else tracemalloc.stop()
    return {}


CHURN = """if 1:
    total = 0
    for i in range(60000):
        kept = [str(i), bytes(20), {i: i}, (i, i)]
        total += len(kept[0])
"""


def run_elsewhere():
    """The same in a sub-interpreter: from 3.12 on with a GIL of its own."""
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    one = interpreters.create()
    interpreters.run_string(one, CHURN)
    interpreters.destroy(one)


def churn():
    """Takes and frees small objects in four threads and in two sub-interpreters at once."""
    totals = []

    def work():
        names = {}
        exec(CHURN, names)
        totals.append(names["total"])

    workers = [threading.Thread(target=work) for _ in range(4)]
    workers += [threading.Thread(target=run_elsewhere) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"totals": totals}


class Record:
    __slots__ = ("number",)


def grow():
    kept = HELD.setdefault("grown", [])
    while True:
        kept.append(Record())  # KEEPS
        time.sleep(0.01)


if sys.argv[1:] == ["grow"]:
    grow()
print(json.dumps({"pid": os.getpid(), "size": sys.getsizeof(bytes(SIZE))}), flush=True)
COMMANDS = {"make": add, "drop": drop, "fork": fork, "trace": trace, "churn": churn}
for line in sys.stdin:
    name, *arguments = line.split()
    print(json.dumps(COMMANDS[name](*arguments)), flush=True)
