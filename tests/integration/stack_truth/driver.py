# SPDX-License-Identifier: Apache-2.0
"""Takes blocks out of every shape of Python stack that we know; truth.c notes each one.

usage: driver.py NOTES [--family NAME] [--ops N] [--seed S] [--only NAME]. Runs on CPython 3.8 and
later. While the main thread works through the scenarios of the family, one thread keeps the GIL
busy and two more run scenarios of their own. Each scenario takes about as many blocks as it is told
to. Families: python (no package needed), greenlet, gevent (all is monkey-patched), interpreters.
"""

import argparse
import importlib
import random
import sys

FAMILIES = {
    "python": "calls callbacks generators lifetimes codes threads",
    "greenlet": "switches",
    "gevent": "cooperative",
    "interpreters": "interpreters",
}


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notes")
    parser.add_argument("--family", choices=FAMILIES, default="python")
    parser.add_argument("--ops", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    return parser.parse_args()


def native_starter(family):
    """A function that starts a thread of the system and returns what waits for its end."""
    if family == "gevent":
        import gevent

        return lambda function, *arguments: (
            gevent.get_hub().threadpool.spawn(function, *arguments).get
        )
    import threading

    def start(function, *arguments):
        thread = threading.Thread(target=function, args=arguments, name=function.__name__)
        thread.start()
        return thread.join

    return start


def main():
    arguments = read_arguments()
    if arguments.family == "gevent":
        from gevent import monkey

        monkey.patch_all()

    import truth
    from families.shapes import CHUNK, SCENARIOS

    for name in FAMILIES[arguments.family].split():
        importlib.import_module(f"families.{name}")
    from families import codes, threads

    def work(seed, chosen):
        chance = random.Random(seed)
        while truth.count() < arguments.ops:
            order = list(chosen)
            chance.shuffle(order)
            for function in order:
                if truth.count() >= arguments.ops:
                    break
                function(CHUNK)

    own = [s for s in SCENARIOS if s.__module__.split(".")[1] in FAMILIES[arguments.family].split()]
    own = [s for s in own if arguments.only in (None, s.__name__)]
    everywhere = [s for s in own if not hasattr(s, "is_for_main_thread")]
    truth.open(arguments.notes, arguments.ops + 100 * CHUNK)
    sys.setrecursionlimit(4000)
    sys.setswitchinterval(1e-5)
    start = native_starter(arguments.family)
    waits = [start(work, arguments.seed + n, everywhere) for n in range(2 if everywhere else 0)]
    is_done = []
    # From 3.9 to 3.11 a thread asks its own interpreter for the GIL, not the one that holds it, so
    # a busy thread of another one never lets go.
    has_busy = arguments.family != "interpreters"
    wait_for_busy = start(threads.keep_busy, is_done) if has_busy else None
    if arguments.family == "python" and arguments.ops >= 20_000 and not arguments.only:
        threads.beyond_the_depth_limit()
        codes.beyond_the_table_limit()
    work(arguments.seed, own)
    for wait in waits:
        wait()
    is_done.append(True)
    if wait_for_busy:
        wait_for_busy()
    print(truth.count())
    truth.save()


main()
