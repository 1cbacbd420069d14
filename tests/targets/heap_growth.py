# SPDX-License-Identifier: Apache-2.0
"""Objects of planted classes that refer to each other in known numbers, and a leak on request.

Prints one line of JSON: the pid, for each class how many objects there are and what sys.getsizeof
says of them all, and how often a kind of object refers to another one. Lines of stdin: `leak` starts
a thread that keeps sessions for ever, `stop` ends it, `work` starts one that makes and drops objects; each
is answered by a line, with the state of the collector.
"""

import gc
import json
import os
import sys
import threading
import time
import weakref


class Leaf:
    __slots__ = ("__weakref__",)


class Pair:
    __slots__ = ("left", "right")


class Plain:
    """Has its attributes in a dict, or where its CPython version keeps them."""

    def __init__(self, leaf):
        self.leaf = leaf
        self.again = leaf
        self.missing = None


class Shelf(list):
    __slots__ = ()


class Index(dict):
    __slots__ = ()


class Crate(tuple):
    __slots__ = ()


class Session:
    __slots__ = ("payload", "state")

    def __init__(self):
        self.payload = bytearray(500)
        self.state = {"step": 1}


class Store:
    __slots__ = ("shelf",)


leaves = [Leaf() for _ in range(300)]
pairs = []
for i in range(200):
    pair = Pair()
    pair.left = leaves[i]
    if i % 2 == 0:
        pair.right = leaves[0]  # the others have no right one
    pairs.append(pair)
plain = [Plain(leaves[i]) for i in range(150)]
shelf = Shelf(leaves[:100] * 3)
index = Index((i, leaf) for i, leaf in enumerate(leaves))
index.update((leaf, pair) for leaf, pair in zip(leaves, pairs))
crate = Crate([shelf, index, shelf])
watching = [weakref.ref(leaf) for leaf in leaves]  # holds none
STORE = Store()
STORE.shelf = Shelf()

PAIRS = {
    "list -> __main__.Leaf": 300,
    "list -> __main__.Pair": 200,
    "list -> __main__.Plain": 150,
    "__main__.Pair -> __main__.Leaf": 300,
    "__main__.Shelf -> __main__.Leaf": 300,
    "__main__.Index -> __main__.Leaf": 300 + 200,
    "__main__.Index -> __main__.Pair": 200,
    "__main__.Index -> int": 300,
    "__main__.Crate -> __main__.Shelf": 2,
    "__main__.Crate -> __main__.Index": 1,
    "__main__.Store -> __main__.Shelf": 1,
}

is_on = threading.Event()


def leak():
    while not is_on.is_set():
        STORE.shelf.extend(Session() for _ in range(20))
        time.sleep(0.002)


def work():
    while not is_on.is_set():
        made = [{"n": str(n)} for n in range(500)]
        time.sleep(0.001 * len(made) / 500)


def main():
    kinds = [(Leaf, leaves), (Pair, pairs), (Shelf, [shelf, STORE.shelf])]
    kinds += [(Index, [index]), (Crate, [crate]), (Store, [STORE])]
    truth = {
        "__main__." + kind.__name__: [len(objects), sum(map(sys.getsizeof, objects))]
        for kind, objects in kinds
    }
    del kinds
    gc.collect()
    print(json.dumps({"pid": os.getpid(), "truth": truth, "pairs": PAIRS}), flush=True)
    threads = []
    for line in iter(sys.stdin.readline, ""):
        if line.strip() == "stop":
            is_on.set()
            for thread in threads:
                thread.join()
            is_on.clear()
            threads = []
        elif line.strip() in ("leak", "work"):
            threads.append(threading.Thread(target={"leak": leak, "work": work}[line.strip()]))
            threads[-1].start()
        state = [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()]
        print(json.dumps({"sessions": len(STORE.shelf), "state": state}), flush=True)


if __name__ == "__main__":
    main()
