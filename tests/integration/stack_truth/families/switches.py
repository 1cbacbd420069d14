# SPDX-License-Identifier: Apache-2.0
"""Greenlets: switched at any depth, out of C, out of generators, thrown into, killed."""

import asyncio
import functools
import random
import threading

from families.callbacks import managed
from families.shapes import descend, only_on_main_thread, scenario
from greenlet import GreenletExit, getcurrent, gettrace, greenlet, settrace
from truth import Holder, take, take_free, take_held


def sink(depth, function, *arguments):
    """Calls the function from `depth` frames further down."""
    if depth > 0:
        return sink(depth - 1, function, *arguments)
    return function(*arguments)


def to_parent(*values):
    take()
    result = getcurrent().parent.switch(*values)
    take_free()
    return result


@scenario
def ping_pong(blocks):
    def ping():
        for _ in range(blocks // 6):
            take()
            second.switch()
            take_free()

    def pong():
        while True:
            take()
            first.switch()

    first, second = greenlet(lambda: sink(5, ping)), greenlet(pong)
    first.switch()


@scenario
def nested(blocks):
    """Greenlets that start greenlets, each deep in its own stack, and come back one by one."""

    def inside(level):
        take()
        if level == 0:
            return descend(4)
        child = greenlet(functools.partial(sink, level * 3, inside))
        while not child.dead:
            child.switch(level - 1) if not child else child.switch()
            take_held()
            if level < 3:
                to_parent()

    while blocks > 0:
        outer = greenlet(inside)
        outer.switch(4)
        while not outer.dead:
            outer.switch()
            take()
        blocks -= 60


@scenario
def out_of_c(blocks):
    """Switches below frames of C: sort keys, map, reduce, finalizers."""

    def key(number):
        to_parent(number)
        return -number

    def body():
        sorted(range(3), key=key)
        list(map(to_parent, "ab"))
        functools.reduce(lambda a, b: to_parent(b), range(3))
        with managed():
            max((1, 2), key=key)
        [to_parent(n) for n in range(2)]
        held = Switching()
        del held
        return take(1)

    class Switching:
        def __del__(self):
            to_parent()

    while blocks > 0:
        made = [greenlet(functools.partial(sink, depth, body)) for depth in (0, 3, 11)]
        while made:
            for each in made:
                each.switch()
                take()
            made = [each for each in made if not each.dead]
        blocks -= 130


@scenario
def thrown_into_and_killed(blocks):
    def guarded():
        held = Holder()
        try:
            while held:
                to_parent()
        except ValueError:
            take()
            to_parent()
        except GreenletExit:
            sink(3, take)
            raise
        finally:
            take_held()
            take_free()

    number = 0
    while blocks > 0:
        each = greenlet(functools.partial(sink, number % 9, guarded))
        each.switch()
        if number % 4 == 0:
            each.throw(ValueError())
            take()
        if number % 4 == 1:
            each.throw(GreenletExit)
        if number % 4 == 2:
            each.switch()
        never_begun = greenlet(guarded)
        if number % 5 == 0:
            never_begun.throw(GreenletExit)
        del each  # ends what is still suspended
        take()
        number += 1
        blocks -= 11


@scenario
def with_generators(blocks):
    """Generators that start and switch greenlets, and are resumed in other ones."""

    def starting(count):
        for number in range(count):
            take()
            child = greenlet(to_parent)
            child.switch(number)
            yield number
            child.parent = getcurrent()  # resumed here, it comes back here
            child.switch()
            take_held()

    def resume(generator):
        for _ in range(2):
            if next(generator, None) is None:
                return None
            to_parent()

    while blocks > 0:
        generator = starting(8)
        next(generator)
        others = [greenlet(resume), greenlet(functools.partial(sink, 6, resume))]
        for each in others:
            each.switch(generator)
            next(generator, None)
        for each in others:
            while not each.dead:
                each.switch()
        list(generator)
        blocks -= 60


@scenario
def many_at_random(blocks):
    """Dozens of suspended stacks of all depths, resumed in no order: their C stacks are moved."""
    chance = random.Random(blocks)

    def walk(depth):
        if depth % 5 == 0:
            to_parent()
        if depth == 0:
            return take()
        if depth % 3 == 0:
            return list(map(walk, (depth - 1,)))
        return walk(depth - 1)

    while blocks > 0:
        made = []
        for _ in range(24):
            each = greenlet(walk)
            each.switch(chance.randrange(40))
            made.append(each)
        while made:
            each = chance.choice(made)
            if each.dead:
                made.remove(each)
            else:
                each.switch()
                take()
        blocks -= 300


async def spawn(function, *arguments):
    """Runs blocking code of greenlets in a coroutine, as database layers do."""
    context = greenlet(function, getcurrent())
    result = context.switch(*arguments)
    while not context.dead:
        take()
        result = context.switch(await result)
    return result


def wait_here(awaitable):
    return getcurrent().parent.switch(awaitable)


@scenario
def inside_of_asyncio(blocks):
    async def fetch(number):
        take()
        await asyncio.sleep(0)
        return take_held(number)

    def blocking(count):
        for number in range(count):
            take()
            sink(number, wait_here, fetch(number))
        return count

    async def all_of_them():
        for _ in range(max(1, blocks // 120)):
            await asyncio.gather(*(spawn(blocking, n) for n in (3, 5, 7)))

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(all_of_them())
    finally:
        loop.close()


@scenario
def in_threads_that_end(blocks):
    """Threads that leave suspended greenlets behind, and others that let go of them."""
    left = []

    def live():
        for depth in (0, 7):
            each = greenlet(functools.partial(sink, depth, to_parent))
            each.switch()
            left.append(each)
            take()

    while blocks > 0:
        threads = [threading.Thread(target=live) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        left.clear()
        greenlet(take).switch()  # cleans up after dead threads
        blocks -= 18


@scenario
def with_code_that_dies(blocks):
    """Code objects made, run in a greenlet and gone, where one of another name comes next."""
    scope = {"take": take, "to_parent": to_parent}
    for number in range(blocks // 6):
        name = f"made_{number % 997:04d}"
        source = "\n" * (number % 50) + f"def {name}():\n    take()\n    to_parent()\n    take()\n"
        exec(compile(source, f"/generated/{number % 89:03d}.py", "exec"), scope)
        each = greenlet(scope.pop(name))
        each.switch()
        take()
        if number % 2:
            each.switch()


@only_on_main_thread
def traced_switches(blocks):
    def trace(event, arguments):
        take()

    before = gettrace()
    settrace(trace)
    try:
        ping_pong(blocks // 3)
    finally:
        settrace(before)
