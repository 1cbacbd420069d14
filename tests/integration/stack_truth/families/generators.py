# SPDX-License-Identifier: Apache-2.0
"""Generators and coroutines: resumed elsewhere, delegating, closed and thrown into."""

import asyncio
import gc
import itertools
import threading

from families.shapes import scenario
from truth import take, take_free, take_held


def yielding(blocks):
    for number in range(blocks):
        take()
        yield number
        take_held()


def delegating(blocks):
    yield from yielding(blocks)
    take()
    yield from yielding(blocks)


def resume_here(generator):
    return next(generator, None)


def resume_there(generator):
    try:
        return generator.send(None)
    except StopIteration:
        return None


@scenario
def generators(blocks):
    made = [delegating(20) for _ in range(max(1, blocks // 80))]
    turn = itertools.cycle((resume_here, resume_there, lambda g: next(g, None)))
    while made:
        made = [g for g in made if next(turn)(g) is not None]
        sum(take() or 0 for _ in range(2))


@scenario
def generators_across_threads(blocks):
    generator = delegating(blocks // 6)
    for _ in range(4):
        next(generator)

    def go_on(count):
        for _ in itertools.islice(generator, count):
            pass

    for count in (blocks // 12, blocks // 12):
        thread = threading.Thread(target=go_on, args=(count,))
        thread.start()
        thread.join()
    go_on(blocks)


@scenario
def generators_closed_and_thrown_into(blocks):
    def guarded():
        try:
            while True:
                take()
                yield
        except ValueError:
            take()
            yield
        finally:
            take_held()
            take_free()

    for number in range(blocks // 5):
        generator = guarded()
        next(generator)
        if number % 3 == 0:
            generator.throw(ValueError())
        if number % 3 == 1:
            generator.close()
        del generator


async def leaf(number):
    take()
    if number % 3 == 0:
        await asyncio.sleep(0)
    take_held()
    return number


async def middle(number):
    first = await leaf(number)
    async with Guard():
        return first + sum([await leaf(n) async for n in counting(2)])


async def counting(count):
    for number in range(count):
        take()
        yield number


class Guard:
    async def __aenter__(self):
        take()

    async def __aexit__(self, *error):
        await leaf(0)


async def many(blocks):
    for _ in range(blocks // 140):
        await asyncio.gather(*(middle(n) for n in range(14)))


@scenario
def coroutines(blocks):
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(many(blocks))
        loop.call_soon(take)
        loop.run_until_complete(loop.run_in_executor(None, take))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@scenario
def coroutines_across_threads(blocks):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        for _ in range(max(1, blocks // 40)):
            asyncio.run_coroutine_threadsafe(middle(3), loop).result()
            loop.call_soon_threadsafe(take)
            started = leaf(0)
            started.send(None)  # begun here, resumed and closed there
            loop.call_soon_threadsafe(resume_there, started)
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def guarded(count):
    try:
        for number in range(count):
            take()
            yield number
    except ValueError:
        take_held()
        yield -1
    finally:
        take()


async def drive(blocks):
    for number in range(blocks // 12):
        made = guarded(5)
        await made.__anext__()
        await made.asend(1)
        if number % 3 == 0:
            await made.athrow(ValueError())
        if number % 3 == 1:
            await made.aclose()
        del made  # an unfinished one is closed by the loop
        await asyncio.sleep(0)


@scenario
def asynchronous_generators(blocks):
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(drive(blocks))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def held_by_itself():
    """A generator in a cycle: whoever collects it next closes it."""

    def inside():
        try:
            take()
            yield held
            take()
        finally:
            take_held()
            list(delegating(1))

    held = [inside()]
    next(held[0])


@scenario
def generators_closed_by_gc(blocks):
    def collect(depth):
        if depth == 0:
            gc.collect(0)
        else:
            collect(depth - 1)

    while blocks > 0:
        for number in range(6):
            held_by_itself()
        thread = threading.Thread(target=collect, args=(blocks % 7,))
        thread.start()
        thread.join()
        blocks -= 36
