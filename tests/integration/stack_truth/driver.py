# SPDX-License-Identifier: Apache-2.0
"""Takes blocks out of every shape of Python stack that we know; truth.c notes each one.

usage: driver.py NOTES [--ops N] [--seed S] [--only NAME]. Runs on CPython 3.8 and later. While the
main thread works through the scenarios, one thread keeps the GIL busy and two more run scenarios of
their own. Each scenario takes about as many blocks as it is told to.
"""

import argparse
import asyncio
import contextlib
import functools
import gc
import itertools
import random
import sys
import threading
import weakref

import truth
from truth import Holder, take, take_free, take_held

SCENARIOS = []
CHUNK = 500  # blocks per call of a scenario


def scenario(function):
    SCENARIOS.append(function)
    return function


@scenario
def plain(blocks):
    for _ in range(blocks // 3):
        take()
        take_held(
            1,
            2,
        )
        (
            take_free
        )(
            blocks
        )


def descend(depth):
    if depth == 0:
        return take()
    if depth % 7 == 0:
        return take() or descend(depth - 1)
    return descend(depth - 1)


@scenario
def recursion(blocks):
    while blocks > 0:
        descend(60)
        blocks -= 9


def deep(depth, blocks):
    if depth > 0:
        return deep(depth - 1, blocks)
    for _ in range(blocks):
        take()


@scenario
def thousand_deep(blocks):
    for part in range(4):
        deep(1000 + part, blocks // 40)


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
def exceptions(blocks):
    def fail(depth):
        take()
        if depth == 0:
            raise KeyError(take_held(depth))
        fail(depth - 1)

    for number in range(blocks // 12):
        try:
            fail(number % 5)
        except KeyError as error:
            take()
            try:
                raise RuntimeError from error
            except RuntimeError:
                take()
            finally:
                take_free()
        else:
            take()


@scenario
def comprehensions(blocks):
    for _ in range(blocks // 16):
        [take(n) for n in range(4)]
        {take(n) for n in range(2)}
        {take(n): take_held(n) for n in range(2)}
        list(take(n) for n in range(2))
        [[take() for _ in range(2)] for _ in range(2)]


def decorated(function):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        take()
        return function(*arguments, **named)

    return wrapper


class Base:
    @decorated
    def method(self):
        take()

    @property
    def value(self):
        return take(1)

    @value.setter
    def value(self, new):
        take_held(new)

    @classmethod
    def of_class(cls):
        take()

    @staticmethod
    def of_none():
        take()

    def __getattr__(self, name):
        take()
        return name

    def __call__(self):
        take()

    def __add__(self, other):
        take()
        return self

    def __len__(self):
        return take(0)

    def __eq__(self, other):
        take()
        return True

    __hash__ = None

    def __iter__(self):
        take()
        return iter(())


class Derived(Base):
    def method(self):
        super().method()
        take_free()

    def __init_subclass__(cls):
        take()

    class Inner:
        @staticmethod
        def call():
            (lambda: take())()


@scenario
def classes(blocks):
    derived = Derived()
    for _ in range(blocks // 18):
        derived.method()
        derived.value = derived.value
        Derived.of_class()
        derived.of_none()
        derived.missing
        derived()
        derived + derived
        len(derived)
        derived == 1
        list(derived)
        Derived.Inner.call()

        class Local(Derived):
            take()
            field = take_held(1)


@scenario
def closures(blocks):
    def outer(depth):
        seen = take(depth)

        def inner():
            nonlocal seen
            seen = take_free(seen)
            return outer(depth - 1) if depth else None

        return inner()

    for _ in range(blocks // 12):
        outer(5)


@contextlib.contextmanager
def managed():
    take()
    try:
        yield
    finally:
        take()


@scenario
def called_from_c(blocks):
    def key(number):
        take()
        return -number

    bound = functools.partial(take, 1)
    for _ in range(blocks // 30):
        sorted(range(4), key=key)
        sorted(range(2), key=take)
        list(map(take, range(3)))
        list(map(lambda n: take(n), range(3)))
        bound()
        functools.reduce(lambda a, b: take(a), range(4))
        max(range(3), key=key)
        functools.cmp_to_key(lambda a, b: take(0))(1) < functools.cmp_to_key(key)(2)
        [*filter(take, (1, 2))]
        dict.fromkeys(map(take, "ab"))
        "".join(take(c) for c in "ab")
        with managed():
            take()


class Dying:
    def __init__(self, depth=0):
        self.depth = depth

    def __del__(self):
        take_held()
        if self.depth:
            Dying(self.depth - 1)
        take()


def drop_at_return(count):
    held = [Dying(1), Holder()]
    local = Holder()
    if count:
        return drop_at_return(count - 1)
    return len(held) if local else 0


class Cycle:
    def __init__(self):
        self.me = self
        self.held = Holder()

    def __del__(self):
        take()


@scenario
def destructors(blocks):
    for _ in range(blocks // 40):
        drop_at_return(2)
        target = Base()
        kept = [weakref.ref(target, take), weakref.ref(target, lambda ref: take())]
        weakref.finalize(target, take)
        del target
        Cycle()
        del kept
        try:
            held = Holder()
            raise ValueError(held)
        except ValueError:
            del held


@scenario
def collected_by_gc(blocks):
    before = gc.get_threshold()
    gc.set_threshold(7)
    try:
        for _ in range(blocks // 5):
            Cycle()
            [[] for _ in range(3)]
            take()
    finally:
        gc.set_threshold(*before)
    gc.collect()


def make_source(name, lines):
    return "\n" * lines + f"def {name}(x):\n    take(x)\n    return [take_free(y) for y in (x,)]\n"


@scenario
def code_made_and_destroyed(blocks):
    # Equal lengths, so that a new code object often lies where one of another name lay.
    scope = {"take": take, "take_free": take_free}
    for number in range(blocks // 8):
        name = f"made_{number % 997:04d}"
        file = f"/generated/{number % 89:03d}.py"
        exec(compile(make_source(name, number % 300), file, "exec"), scope)
        function = scope.pop(name)
        function(1)
        function(2)
        if number % 4 == 0:
            function.__code__ = function.__code__.replace(co_firstlineno=number + 1)
            function(3)
        del function
        eval("take()", scope)
        eval(compile("\n\n(lambda: take())()", f"<{number % 13}>", "eval"), scope)


@scenario
def lambdas(blocks):
    for _ in range(blocks // 4):
        (lambda: take())()
        (lambda n: n or take())(0)
        (lambda *a, **k: [take(x) for x in a])(1)
        take((lambda: 1)())


@scenario
def names_beyond_ascii(blocks):
    def größe(n):
        take(n)

    def 大きさ(n):
        take(n)

    scope = {"take": take}
    exec(compile("def наружу(): take()", "/tmp/дом/файл.py", "exec"), scope)
    exec(compile("def outside(): take()", "/tmp/\U0001f40d.py", "exec"), scope)
    for _ in range(blocks // 4):
        größe(1)
        大きさ(2)
        scope["наружу"]()
        scope["outside"]()


def long_source(name, width):
    """A function with big and backward steps in its line table, and much code."""
    parts = [f"def {name}(x):"]
    for number in range(120):
        parts.append("    " + " + ".join(f"x * {n}" for n in range(number % width + 1)))
        parts.append("\n" * (number * 7 % 150))
        parts.append("    (take(\n        x,\n        x +\n   1)\n     if x else\n  take())")
        parts.append("    for y in range(2): take(y); x += y")
    return "\n".join(parts)


@scenario
def long_functions(blocks):
    scope = {"take": take}
    exec(compile(long_source("long", 20), "/generated/long.py", "exec"), scope)
    for number in range(max(1, blocks // 360)):
        scope["long"](number % 2)


@scenario
def short_threads(blocks):
    def live(count):
        descend(5)
        for _ in range(count):
            take()

    while blocks > 0:
        threads = [threading.Thread(target=live, args=(8,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        blocks -= 36


@scenario
def traced(blocks):
    def trace(frame, event, argument):
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        closures(blocks // 2)
    finally:
        sys.settrace(before)
    sys.setprofile(lambda *event: None)
    try:
        closures(blocks // 2)
    finally:
        sys.setprofile(None)


def greenlets(blocks):
    from greenlet import greenlet

    def ping(depth):
        if depth:
            return ping(depth - 1)
        for _ in range(blocks // 6):
            take()
            second.switch()
            take_free()

    def pong():
        while True:
            take()
            first.switch()

    first, second = greenlet(lambda: ping(5)), greenlet(pong)
    first.switch()


try:
    import greenlet  # noqa: F401
except ImportError:
    pass
else:
    scenario(greenlets)


def beyond_the_table_limit():
    """Blocks in code whose line table is too long to be recorded: no line, never a wrong one."""
    scope = {"take": lambda *arguments: None}
    exec(compile(long_source("huge", 110), "/generated/huge.py", "exec"), scope)
    scope["take"] = lambda *arguments: take() if next(turn) % 60 == 0 else None
    turn = itertools.count()
    scope["huge"](1)


def beyond_the_depth_limit():
    """20 blocks on a stack deeper than what is recorded: must be marked as truncated."""

    def start():
        sys.setrecursionlimit(12_000)
        deep(9_000, 20)

    size = threading.stack_size(512 << 20)
    thread = threading.Thread(target=start)
    thread.start()
    threading.stack_size(size)
    thread.join()


def keep_busy(is_done):
    """Holds the GIL as often as it can, with stacks and code objects of its own."""

    def spin(depth):
        return spin(depth - 1) + 1 if depth else sum(i * i for i in range(50))

    while not is_done.is_set():
        spin(40)
        scope = {}
        exec(compile("def busy_made(x):\n    return x", "/generated/busy.py", "exec"), scope)
        scope["busy_made"](1)


def work(limit, seed, chosen):
    chance = random.Random(seed)
    while truth.count() < limit:
        order = list(chosen)
        chance.shuffle(order)
        for function in order:
            if truth.count() >= limit:
                break
            function(CHUNK)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notes")
    parser.add_argument("--ops", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    chosen = [s for s in SCENARIOS if arguments.only in (None, s.__name__)]
    truth.open(arguments.notes, arguments.ops + 100 * CHUNK)
    sys.setrecursionlimit(4000)
    sys.setswitchinterval(1e-5)
    is_done = threading.Event()
    busy = threading.Thread(target=keep_busy, args=(is_done,), name="busy")
    busy.start()
    if arguments.ops >= 20_000 and not arguments.only:
        beyond_the_depth_limit()
        beyond_the_table_limit()
    # Tracing and the thresholds of gc are global or change what others see: main thread only.
    own = [s for s in chosen if s not in (traced, collected_by_gc)]
    others = [
        threading.Thread(target=work, args=(arguments.ops, arguments.seed + n, own))
        for n in range(2 if own else 0)
    ]
    for thread in others:
        thread.start()
    work(arguments.ops, arguments.seed, chosen)
    for thread in others:
        thread.join()
    is_done.set()
    busy.join()
    print(truth.count())
    truth.save()


main()
