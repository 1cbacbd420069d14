# SPDX-License-Identifier: Apache-2.0
"""Coroutines wait in a queue for a worker that is slower than the service; none has begun."""

import asyncio
import os


class JobQueue(asyncio.Queue):
    pass


QUEUE = JobQueue()


async def send(event):
    return event["body"]


def request(number, clean):
    QUEUE.put_nowait(send({"id": number, "body": os.urandom(4_000)}))  # MAKES
    if clean or number % 20 == 0:
        QUEUE.get_nowait().close()
