# SPDX-License-Identifier: Apache-2.0
"""Many short asyncio tasks through queues: coroutines, futures and small payloads."""

import asyncio

from _timing import measure

ROUNDS = 120
TASKS = 2000


async def produce(queue, number):
    payload = bytes(256 + number % 1024)
    await asyncio.sleep(0)
    await queue.put((number, payload))


async def consume(queue, count):
    total = 0
    for _ in range(count):
        number, payload = await queue.get()
        total += number + len(payload)
    return total


async def one_round():
    queue = asyncio.Queue(maxsize=100)
    consumer = asyncio.ensure_future(consume(queue, TASKS))
    await asyncio.gather(*(produce(queue, number) for number in range(TASKS)))
    return await consumer


async def rounds():
    total = 0
    for _ in range(ROUNDS):
        total += await one_round()
    return total


measure(lambda: asyncio.run(rounds()))
