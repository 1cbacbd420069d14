# SPDX-License-Identifier: Apache-2.0
"""The cases that all three tools see: one call each, to be repeated by the tool. CASES says which
of them leak."""

import functools
import os
import threading
import weakref

import compiled
import native
import torch

_sessions = {}
_losses = []
_warm = {}
_weights = torch.ones(64, requires_grad=True)


class Session:
    def __init__(self, name):
        self.name = name
        self.history = [name]


class Node:
    def __init__(self):
        self.parent = self
        self.payload = bytearray(4096)


def keeps_a_session():
    _sessions[len(_sessions)] = Session(str(len(_sessions)))


def loses_a_buffer():
    native.lose_buffer()


def loses_a_mapping():
    native.lose_mapping()


def loses_a_reference():
    native.lose_reference()


def loses_on_the_error_path():
    try:
        compiled.total([1.0, 2.0] + ["x"] * 40)
    except TypeError:
        pass


def starts_a_thread_that_waits():
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def opens_a_descriptor():
    os.open("/dev/null", os.O_RDONLY)


def keeps_the_loss_with_its_graph():
    _losses.append((_weights * 2).sum())


def fills_a_cache_of_100():
    key = len(_warm) % 100
    _warm.setdefault(key, bytearray(2000))
    if len(_warm) == 100:
        _warm[key] = bytearray(2000)


@functools.lru_cache(maxsize=64)
def _squared(number):
    return number * number, [number] * 50


_calls = iter(range(1 << 60))


def turns_over_an_lru_cache():
    _squared(next(_calls))


def makes_cycles_for_the_collector():
    Node()


def uses_and_frees():
    native.use_buffer()
    compiled.total([float(i) for i in range(1000)])
    tensor = torch.ones(256, 256)
    weakref.ref(tensor)
    (tensor * 2).sum().item()


CASES = {
    keeps_a_session: True,
    loses_a_buffer: True,
    loses_a_mapping: True,
    loses_a_reference: True,
    loses_on_the_error_path: True,
    starts_a_thread_that_waits: True,
    opens_a_descriptor: True,
    keeps_the_loss_with_its_graph: True,
    fills_a_cache_of_100: False,
    turns_over_an_lru_cache: False,
    makes_cycles_for_the_collector: False,
    uses_and_frees: False,
}
