# SPDX-License-Identifier: Apache-2.0
"""Code objects that come and go, with odd names and long line tables."""

import itertools

from families.shapes import scenario
from truth import take, take_free


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


def beyond_the_table_limit():
    """Blocks in code whose line table is too long to be recorded: no line, never a wrong one."""
    scope = {"take": lambda *arguments: None}
    exec(compile(long_source("huge", 110), "/generated/huge.py", "exec"), scope)
    scope["take"] = lambda *arguments: take() if next(turn) % 60 == 0 else None
    turn = itertools.count()
    scope["huge"](1)
