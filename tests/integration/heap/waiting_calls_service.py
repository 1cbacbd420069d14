# SPDX-License-Identifier: Apache-2.0
"""Threads that wait in C functions, each of which holds an object of a class of its own; and 50
objects of one class with a reference that is lost.

usage: waiting_calls_service.py FOLDER with waiting_calls.so and references.so
"""

import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])

import references
import waiting_calls


class Owner:
    pass


class Lost:
    pass


def call(function, *arguments):
    return function(*arguments)


def main():
    ours, theirs = socket.socketpair()
    kept, classes = [theirs], []
    names = ("by_read", "by_recv", "by_poll", "by_sleep", "by_condition", "with_new")
    for name in names:
        for way in ("called", "started"):
            held = type(f"{name}_{way}", (), {})
            classes.append(f"__main__.{held.__name__}")
            function = getattr(waiting_calls, name)
            argument = held
            if name != "with_new":
                argument = Owner()
                argument.held = held()
                kept.append(argument)
            target, first = (call, (function,)) if way == "called" else (function, ())
            thread = threading.Thread(
                target=target, args=(*first, argument, ours.fileno()), daemon=True
            )
            thread.start()
    lost = [None] * 50  # made at once: no older copy of its items lies in memory
    for i in range(len(lost)):
        lost[i] = Lost()
        references.leak(lost[i])
    time.sleep(0.3)  # until all of them wait
    print(json.dumps({"pid": os.getpid(), "classes": classes, "lost": len(lost)}), flush=True)
    sys.stdin.read()
    os._exit(0)  # the threads wait


main()
