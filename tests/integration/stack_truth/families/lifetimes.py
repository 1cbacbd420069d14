# SPDX-License-Identifier: Apache-2.0
"""Objects that take a block while they die: by count, by gc, at return."""

import gc
import weakref

from families.calls import Base
from families.shapes import only_on_main_thread, scenario
from truth import Holder, take, take_held


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


@only_on_main_thread
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
