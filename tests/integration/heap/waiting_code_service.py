# SPDX-License-Identifier: Apache-2.0
"""Code that waits, and what it holds meanwhile: threads with a function each, coroutines and
generators behind each other, requests of a library of events; one class for each holder.

usage: waiting_code_service.py FOLDER with event_library.so and references.so
"""

import json
import os
import re
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])

import event_library
import references

EACH = 20


def new_class(name, base=object):
    return type(name, (base,), {})


class Lost:
    pass


class Rows(list):
    pass


class Text(str):
    pass


class Waiter:
    def __await__(self):
        yield self


def query():
    row = new_class("InCoroutine")()
    yield from Waiter().__await__()
    del row


class Query:
    def __await__(self):
        return query()


async def service():
    await Query()


async def handle():
    await service()


def innermost():
    value = new_class("InGenerator")()
    yield 1
    del value


def middle():
    yield from innermost()


def outermost():
    yield from middle()


def start_threads():
    """Each runs a function of its own, which nothing but the thread's calls hold at last."""

    def make(begun):
        def run():
            begun.set()
            time.sleep(1000)

        return run

    for _ in range(EACH):
        begun = threading.Event()
        threading.Thread(target=make(begun), daemon=True).start()
        begun.wait()


def main():
    start_threads()
    global TASK, GENERATOR, SUBMITTED, ROWS, MATCHES
    TASK = handle()
    TASK.send(None)
    GENERATOR = outermost()
    next(GENERATOR)
    for knows_object in (0, 1):
        kind = new_class(f"InRequest{knows_object}")
        for _ in range(EACH):
            event_library.submit(kind(), knows_object)
    ROWS = Rows()
    ROWS.extra = new_class("InAttributes")()
    ROWS.__dict__  # makes it
    text = Text("some text")
    text.origin = new_class("InSearchedText")()
    MATCHES = re.finditer("e", text)
    del text
    lost = [Lost() for _ in range(EACH)]
    for one in lost:
        references.leak(one)
    time.sleep(0.2)  # until all threads wait
    print(json.dumps({"pid": os.getpid(), "each": EACH}), flush=True)
    sys.stdin.read()
    os._exit(0)  # the threads wait


main()
