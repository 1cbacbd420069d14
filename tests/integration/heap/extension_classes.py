# SPDX-License-Identifier: Apache-2.0
"""Objects that classes of Cython or of pybind11 hold, each of a class of its own.

usage: extension_classes.py cython|pybind11. The extension is on the path. Prints a line of JSON: the pid,
the objects, what the paths must say, the lost ones; waits for the end of its stdin.
"""

import asyncio
import gc
import json
import os
import sys

NUMBER = 40
CLASSES = {}
KEPT = []
HOLDERS = {}  # class: the parts of its path


def make(name, parts):
    """A new object of class `name`, whose path must have `parts`."""
    if name not in CLASSES:
        CLASSES[name] = type(name, (), {})
        HOLDERS[name] = parts
    return CLASSES[name]()


class Listener:
    def __init__(self):
        self.state = make("InCallback", ["method.__self__.state"])

    def on_event(self, number):
        return self.state


def build_cython():
    import cython_holders as c

    texts = []
    for i in range(NUMBER):
        KEPT.append(c.Holder(make("InHolder", ["__main__.KEPT["])))
        texts += [f"typed {i} of cython", b"typed %d of cython" % i]
        KEPT.append(c.Typed(*texts[-2:]))
        KEPT.append(
            c.Containers(
                [make("InList", ["__main__.KEPT["])],
                {i: make("InTable", ["__main__.KEPT["])},
                {make("InSet", ["__main__.KEPT["])},
                (make("InPair", ["__main__.KEPT["]),),
            )
        )
        KEPT.append(c.NoGc(make("InNoGc", ["__main__.KEPT[", "~> "])))
        KEPT.append(c.NoClear(make("InNoClear", ["__main__.KEPT["])))
        KEPT.append(
            c.Derived(
                make("InBase", ["__main__.KEPT["]),
                make("InDerived", ["__main__.KEPT["]),
                make("InNamed", ["__main__.KEPT[", "].named"]),
            )
        )
        KEPT.append(c.Recycled(make("InRecycled", ["__main__.KEPT["])))
        texts.append(b"viewed %d" % i * 9)
        KEPT.append(c.View(texts[-1]))
        KEPT.append(c.Raw(make("InRaw", ["__main__.KEPT[", "~> "])))
        stream = c.produce(make("InFirst", ["__main__.KEPT["]), make("InSecond", ["__main__.KEPT["]))
        next(stream)
        KEPT.append(stream)
        KEPT.append(c.enclose(make("InClosure", ["__main__.KEPT["])))
        future = asyncio.Future(loop=LOOP)
        waiter = c.wait_for(future, make("InCoroutine", ["__main__.KEPT["]))
        waiter.send(None)
        KEPT.append(waiter)
        KEPT.append(c.with_default(make("InDefault", ["__main__.KEPT["]), key=make("InKey", ["__main__.KEPT["])))
        KEPT.append(c.Plain(make("InPlain", ["__main__.KEPT[", "].thing"])))
        KEPT.append(c.Plain(make("InMethod", ["__main__.KEPT[", "].__self__.thing"])).method)
    c.keep_in_global(make("InGlobal", []))
    return c.lose, texts


def build_pybind11():
    import pybind11_holders as p

    texts = []
    for i in range(NUMBER):
        KEPT.append(p.Holder(make("InHolder", [])))
        many = p.Many()
        many.append(make("InVector", []))
        many.append(make("InVector", []))
        many.put("key", make("InMap", []))
        KEPT.append(many)
        node, last = p.Node(make("InNode", [])), p.Node(make("InNext", []))
        node.link(last)
        KEPT.append(node)
        del last
        bus = p.Bus()
        bus.listen(Listener().on_event)
        held = make("InLambda", ["function.__defaults__[0]"])
        bus.listen(lambda number, held=held: None)
        KEPT.append(bus)
        opened = p.Open()
        opened.thing = make("InOpen", ["__main__.KEPT[", "].thing"])
        KEPT.append(opened)
        parent = p.Parent()
        parent.adopt(p.Child(make("InChild", [])))
        KEPT.append(parent)

        class Sub(p.Base):
            def __init__(self):
                p.Base.__init__(self)
                self.thing = make("InSub", ["__main__.KEPT[", "].thing"])

        KEPT.append(Sub())
        p.keep(make("InKept", []))
        KEPT.append(p.capsule(make("InCapsule", [])))
    return p.lose, texts


LOOP = asyncio.new_event_loop()


def main():
    gc.disable()
    lose, texts = {"cython": build_cython, "pybind11": build_pybind11}[sys.argv[1]]()
    things = [[id(t), type(t).__name__] for t in gc.get_objects() if type(t) in CLASSES.values()]
    lost = [[i] for i in range(100)]
    for thing in lost:
        lose(thing)
    print(
        json.dumps(
            {
                "pid": os.getpid(),
                "things": things,
                "texts": [id(text) for text in texts],
                "kept": [[id(kept), type(kept).__name__] for kept in KEPT],
                "holders": {name: parts for name, parts in HOLDERS.items() if parts},
                "lost": [id(thing) for thing in lost],
            }
        ),
        flush=True,
    )
    del lost, thing, texts
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
