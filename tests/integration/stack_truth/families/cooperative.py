# SPDX-License-Identifier: Apache-2.0
"""gevent, everything patched: spawn, sleep, pools, threads that are greenlets, kills, sockets."""

import functools
import queue
import socket
import threading
import time

import gevent
import gevent.event
import gevent.pool
import gevent.threadpool
from families.shapes import descend, scenario
from families.switches import sink
from gevent import local
from truth import Holder, take, take_free, take_held


def step(number):
    take()
    gevent.sleep(0)
    take_free()
    return number


@scenario
def spawned(blocks):
    def nested(depth):
        take()
        if depth:
            gevent.joinall([gevent.spawn(sink, depth, nested, depth - 1) for _ in range(2)])
        else:
            step(0)
        take_held()

    while blocks > 0:
        gevent.joinall([gevent.spawn(step, n) for n in range(6)])
        gevent.spawn(nested, 3).join()
        blocks -= 50


@scenario
def pooled(blocks):
    pool = gevent.pool.Pool(4)
    for _ in range(max(1, blocks // 50)):
        pool.map(step, range(8))
        list(pool.imap_unordered(step, range(8)))
        pool.apply(functools.partial(sink, 5, step), (1,))
        pool.spawn(descend, 8)
        pool.join()


@scenario
def patched_threads(blocks):
    def live(numbers, lock, seen):
        seen.value = take(1)
        while True:
            number = numbers.get()
            if number is None:
                return
            with lock:
                time.sleep(0)
                take_free()
            take(seen.value)

    while blocks > 0:
        numbers, lock, seen = queue.Queue(), threading.Lock(), local.local()
        threads = [threading.Thread(target=live, args=(numbers, lock, seen)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in [*range(20), None, None, None, None]:
            numbers.put(number)
            take()
        for thread in threads:
            thread.join()
        blocks -= 70


@scenario
def killed(blocks):
    def guarded():
        held = Holder()
        try:
            while held:
                step(1)
        except gevent.Timeout:
            take()
        finally:
            sink(4, take_held)

    while blocks > 0:
        each = gevent.spawn(guarded)
        gevent.sleep(0)
        each.kill()
        with gevent.Timeout(0.001, False):
            guarded()
        take()
        blocks -= 150


@scenario
def in_native_threads(blocks):
    """Blocks of threads of the system, while greenlets are switched here."""
    pool = gevent.threadpool.ThreadPool(2)
    try:
        while blocks > 0:
            waiting = [pool.spawn(sink, n, take_free) for n in range(6)]
            gevent.joinall([gevent.spawn(step, n) for n in range(4)])
            for each in waiting:
                each.get()
            blocks -= 14
    finally:
        pool.kill()


@scenario
def called_by_the_hub(blocks):
    """Callbacks that the loop runs itself: links, results, timers."""
    loop = gevent.get_hub().loop
    while blocks > 0:
        result = gevent.event.AsyncResult()
        result.rawlink(lambda source: take())
        each = gevent.spawn(step, 1)
        each.link(lambda source: take_held())
        each.link(result)
        loop.run_callback(take)
        timer = loop.timer(0.0)
        timer.start(take_free)
        result.get()
        each.join()
        timer.close()
        blocks -= 7


@scenario
def through_sockets(blocks):
    def echo(end):
        while True:
            data = end.recv(64)
            take()
            if not data:
                return
            end.sendall(data)

    left, right = socket.socketpair()
    with left, right:
        each = gevent.spawn(echo, right)
        for number in range(blocks // 3):
            left.sendall(b"x")
            take()
            left.recv(64)
            take_free()
        left.shutdown(socket.SHUT_WR)
        each.join()
