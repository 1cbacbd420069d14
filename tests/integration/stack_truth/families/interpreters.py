# SPDX-License-Identifier: Apache-2.0
"""Code that runs in interpreters of its own: from 3.12 on also with a GIL of their own.

What an interpreter runs is in inside_interpreter.py; it has a stack of its own, which begins there.
"""

import os
import threading

from families.shapes import descend, scenario
from truth import take, take_free

try:
    import _interpreters
except ImportError:
    import _xxsubinterpreters as _interpreters

FOLDER = os.path.dirname(os.path.abspath(__file__))


def script_for(what, blocks):
    return (
        f"import sys\nsys.path.insert(0, {FOLDER!r})\nimport inside_interpreter\n"
        f"inside_interpreter.{what}({blocks})\n"
    )


def run(interpreter, what, blocks):
    _interpreters.run_string(interpreter, script_for(what, blocks))


def make_interpreter(shares_gil):
    if shares_gil is None:
        return _interpreters.create()
    try:
        return _interpreters.create("legacy" if shares_gil else "isolated")
    except (TypeError, ValueError):  # 3.12 and before: a flag, or nothing to choose
        try:
            return _interpreters.create(isolated=not shares_gil)
        except TypeError:
            return _interpreters.create()


@scenario
def one_after_another(blocks):
    for shares_gil in (True, False, None):
        interpreter = make_interpreter(shares_gil)
        take()
        run(interpreter, "shapes", blocks // 4)
        take_free()
        run(interpreter, "generators", blocks // 12)
        descend(3)
        _interpreters.destroy(interpreter)
        take()


@scenario
def in_turn(blocks):
    made = [make_interpreter(n % 2 == 0) for n in range(3)]
    for number in range(max(3, blocks // 30)):
        run(made[number % 3], "few", 6)
        take()
        take_free()
    for interpreter in made:
        _interpreters.destroy(interpreter)


@scenario
def in_threads(blocks):
    """Several at the same time, each in a thread that has a state of the main interpreter too."""

    def live(shares_gil):
        take()
        interpreter = make_interpreter(shares_gil)
        run(interpreter, "shapes", blocks // 8)
        take_free()
        run(interpreter, "shapes", blocks // 8)
        _interpreters.destroy(interpreter)
        descend(5)

    threads = [threading.Thread(target=live, args=(n % 2 == 0,)) for n in range(3)]
    for thread in threads:
        thread.start()
    take()
    for thread in threads:
        thread.join()


@scenario
def threads_inside(blocks):
    interpreter = make_interpreter(True)
    run(interpreter, "threads", blocks // 2)
    take()
    _interpreters.destroy(interpreter)
