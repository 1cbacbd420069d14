# SPDX-License-Identifier: Apache-2.0
"""Objects held in every way that a Python program knows, each of a class of its own.

Prints one line of JSON when all are in place: its pid, and what the path to each class's object is.
Then waits for the end of its stdin.
"""

import asyncio
import atexit
import collections
import contextvars
import functools
import json
import os
import sys
import threading
import time
import weakref


def make(name):
    """A class whose objects hold a little, so that each has something to retain."""
    return type(name, (), {"__init__": lambda self: setattr(self, "payload", [name] * 3)})


InDict, InList, InDeque, InCache, InCallbacks = map(
    make, ["InDict", "InList", "InDeque", "InCache", "InCallbacks"]
)
InContext, InTask, InTraceback, InClosure, InClass = map(
    make, ["InContext", "InTask", "InTraceback", "InClosure", "InClass"]
)
InThreadLocal, InEphemeron, InGenerator, InFrame, InSlot, InExit = map(
    make, ["InThreadLocal", "InEphemeron", "InGenerator", "InFrame", "InSlot", "InExit"]
)

CACHE = {"user": InDict()}
ITEMS = [0, [1, InList()]]
QUEUE = collections.deque([0, 0, InDeque()])


class Service:
    registry = InClass()

    @functools.lru_cache(maxsize=8)
    def compute(self, n):
        return InCache()


Service().compute(1)


class Slotted:
    __slots__ = ("kept",)


SLOTTED = Slotted()
SLOTTED.kept = InSlot()


class Bus:
    def __init__(self):
        self.callbacks = []


BUS = Bus()


class Listener:
    def __init__(self):
        self.state = InCallbacks()

    def on_event(self):
        return self.state


BUS.callbacks.append(Listener().on_event)

REQUEST = contextvars.ContextVar("request")
REQUEST.set(InContext())


def fail():
    in_flight = InTraceback()
    raise ValueError(len(in_flight.payload))


ERRORS = []
try:
    fail()
except ValueError as error:
    ERRORS.append(error)


def make_closure():
    captured = InClosure()
    return lambda: captured


HANDLER = make_closure()

atexit.register(print, InExit())

KEYED = weakref.WeakKeyDictionary()


class Key:
    pass


KEY = Key()
ephemeron = InEphemeron()
ephemeron.key = KEY
KEYED[KEY] = ephemeron
del ephemeron


def producer():
    buffered = InGenerator()
    yield buffered.payload
    yield None


STREAM = producer()
next(STREAM)

LOCAL = threading.local()


def work(ready):
    LOCAL.session = InThreadLocal()
    ready.set()
    time.sleep(3600)


def wait_in_frame(ready):
    held = InFrame()
    ready.set()
    time.sleep(3600)  # the line that waits
    return held


async def waiter(event):
    payload = InTask()
    await event.wait()
    return payload


async def serve(ready):
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(waiter(event))]
    await asyncio.sleep(0.05)
    ready.set()
    await asyncio.sleep(3600)
    return tasks


# The whole path, or the parts that it must have, in this order.
HOLDERS = {
    "InDict": ["__main__.CACHE['user']"],
    "InList": ["__main__.ITEMS[1][1]"],
    "InDeque": ["__main__.QUEUE[2]"],
    "InCache": ["__main__.Service.compute", "cache"],
    "InCallbacks": ["__main__.BUS.callbacks[0].__self__.state"],
    "InContext": ["context['request']"],
    "InTask": ["serve().tasks[0]", "waiter().payload"],
    "InTraceback": ["__main__.ERRORS[0].__traceback__", "tb_frame", "fail().in_flight"],
    "InClosure": ["__main__.HANDLER.captured"],
    "InClass": ["__main__.Service.registry"],
    "InThreadLocal": ["__main__.LOCAL", "session"],
    "InEphemeron": ["__main__.KEYED.data[<weakref"],
    "InGenerator": ["__main__.STREAM", "producer().buffered"],
    "InFrame": ["wait_in_frame().held"],
    "InSlot": ["__main__.SLOTTED.kept"],
    "InExit": ["atexit"],
}


def main():
    for function in (work, wait_in_frame):
        ready = threading.Event()
        name = "in-a-frame" if function is wait_in_frame else "works"
        threading.Thread(target=function, args=(ready,), name=name, daemon=True).start()
        ready.wait()
    ready = threading.Event()
    threading.Thread(target=lambda: asyncio.run(serve(ready)), daemon=True).start()
    ready.wait()
    print(json.dumps({"pid": os.getpid(), "holders": HOLDERS}), flush=True)
    sys.stdin.read()
    os._exit(0)  # the threads sleep


if __name__ == "__main__":
    main()
