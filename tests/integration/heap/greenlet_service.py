# SPDX-License-Identifier: Apache-2.0
"""A server of gevent's whose handlers wait, and greenlets that wait in other ways; one class for each
holder."""

import contextvars
import json
import os
import socket
import sys
import threading
import time

import gevent.server
import greenlet

EACH = 10
KEPT = []


def new(name):
    return type(name, (), {})()


def serve():
    kind = type("InHandler", (), {})

    def query(connection):
        connection.recv(100)

    def handle(connection, _):
        state = kind()
        query(connection)
        del state

    server = gevent.server.StreamServer(("127.0.0.1", 0), handle)
    server.start()
    for _ in range(EACH):
        KEPT.append(socket.create_connection(("127.0.0.1", server.server_port)))
    gevent.sleep(0.2)
    return server


def start(function):
    waiting = greenlet.greenlet(function)
    waiting.switch()
    KEPT.append(waiting)


def leave():
    greenlet.getcurrent().parent.switch()


def below_c():
    def key(_):
        leave()

    value = new("BelowC")
    sorted([1, 2], key=key)
    del value


def in_generator():
    def generate():
        value = new("InGenerator")
        leave()
        yield value

    for _ in generate():
        pass


def in_cell():
    value = new("InCell")

    def use():
        return value

    leave()
    use()


def with_context():
    contextvars.ContextVar("request").set(new("InContext"))
    leave()


def with_error():
    try:
        raise ValueError(new("InError"))
    except ValueError:
        leave()


def in_thread(begun):
    of_main = new("InMainGreenlet")

    def child():
        begun.set()
        time.sleep(1000)

    greenlet.greenlet(child).switch()
    del of_main


def main():
    KEPT.append(serve())
    for function in (below_c, in_generator, in_cell, with_context, with_error):
        start(function)
    begun = threading.Event()
    threading.Thread(target=in_thread, args=(begun,), daemon=True).start()
    begun.wait()
    print(json.dumps({"pid": os.getpid(), "each": EACH}), flush=True)
    sys.stdin.read()
    os._exit(0)  # all of it waits


main()
