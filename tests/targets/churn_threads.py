# SPDX-License-Identifier: Apache-2.0
"""Healthy: eight threads build dicts of bytes and drop them; nothing stays.

Half of the blocks are dropped by another thread than the one that made them.
"""

import queue
import threading

from common import finish, operations, parse_arguments, site

THREADS = 8
BLOCKS = 50
SIZE = 4_000


def build(number):
    return {index: bytes(SIZE + number % 64) for index in range(BLOCKS)}  # ALLOCATES


def work(jobs, handed_on):
    while True:
        number = jobs.get()
        if number is None:
            return
        blocks = build(number)
        if number % 2:
            handed_on.put(blocks)
        del blocks


def drop(handed_on):
    while handed_on.get() is not None:
        pass


def main():
    jobs, handed_on = queue.Queue(maxsize=2 * THREADS), queue.Queue(maxsize=2 * THREADS)
    workers = [threading.Thread(target=work, args=(jobs, handed_on)) for _ in range(THREADS)]
    dropper = threading.Thread(target=drop, args=(handed_on,))
    for thread in (*workers, dropper):
        thread.start()
    done = 0
    for number in operations(parse_arguments(__doc__, ops=3000, rate=300.0)):
        jobs.put(number)
        done += 1
    for _ in workers:
        jobs.put(None)
    for worker in workers:
        worker.join()
    handed_on.put(None)
    dropper.join()
    finish(
        verdict="stable",
        kind=None,
        site=site(__file__, "build"),
        holder=None,
        operations=done,
        bytes_per_operation=0,
        bytes=0,
        blocks=0,
        allocated_blocks=done * BLOCKS,
    )


main()
