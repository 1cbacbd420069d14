# SPDX-License-Identifier: Apache-2.0
"""Grows in one of five ways in which nobody, or only a chain or a waiting task, holds what stays.

The extension `references` (tests/integration/heap/references.c) must be on the path for the ways
`reference` and `native_cycle`. `--clean` does the same work and drops it.
"""

import argparse
import asyncio
import os
import sys
import time

from common import mark

PAYLOAD = 3000


class Row:
    def __init__(self, number):
        self.number = number
        self.body = os.urandom(PAYLOAD)


def lose_reference(number, clean):
    import references

    row = Row(number)  # MAKES reference
    if not clean:
        references.leak(row)


class Client:
    def __init__(self, number):
        self.body = os.urandom(50 * PAYLOAD)  # MAKES cycle
        self.hook = None

    def close(self):
        self.hook = None


def leave_cycle(number, clean):
    client = Client(number)
    client.hook = client.close
    if clean:
        client.close()


def leave_native_cycle(number, clean):
    import references

    row = Row(number)  # MAKES native_cycle
    row.box = references.Box()
    row.box.content = None if clean else row


class Version:
    def __init__(self, before, number):
        self.before = before
        self.body = os.urandom(PAYLOAD)  # MAKES chain


class Document:
    def __init__(self):
        self.head = None


DOCUMENT = Document()


def change(number, clean):
    DOCUMENT.head = Version(None if clean else DOCUMENT.head, number)


TASKS = set()


async def pump(number, done):
    body = os.urandom(PAYLOAD)
    await done.wait()
    return body


async def start_tasks(steps, clean):
    for number in steps:
        done = asyncio.Event()
        task = asyncio.create_task(pump(number, done))
        TASKS.add(task)  # MAKES tasks
        task.add_done_callback(TASKS.discard)
        await asyncio.sleep(0)
        if clean:
            done.set()
            await task


WAYS = {
    "reference": (lose_reference, 100),
    "cycle": (leave_cycle, 10),
    "native_cycle": (leave_native_cycle, 100),
    "chain": (change, 100),
}


def steps(seconds, rate):
    """Yields 0, 1, 2 ... at the rate; marks each as done."""
    start = time.monotonic()
    number = 0
    while time.monotonic() - start < seconds:
        time.sleep(max(0.0, number / rate - (time.monotonic() - start)))
        yield number
        mark("op")
        number += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("way", choices=[*WAYS, "tasks"])
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    if arguments.way == "tasks":
        asyncio.run(start_tasks(steps(arguments.seconds, 100), arguments.clean))
        return
    work, rate = WAYS[arguments.way]
    for number in steps(arguments.seconds, rate):
        work(number, arguments.clean)


main()
