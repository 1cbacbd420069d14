# SPDX-License-Identifier: Apache-2.0
"""What a test leaves behind: memory by place, and objects. For pytest_plugin."""

import gc
import tracemalloc
from dataclasses import dataclass
from typing import Tuple

from memwhy import _process_look

FRAMES = 24
UNKNOWN = "???"
LARGE = 512  # bytes: larger blocks of Python's allocators come from malloc


@dataclass(frozen=True)
class StackFrame:
    """One frame: `function` is "???", since Python's tracing knows file and line only."""

    function: str
    filename: str
    lineno: int


@dataclass(frozen=True)
class Stack:
    """Where memory was allocated, most recent call first."""

    frames: Tuple[StackFrame, ...]


class LeakedPlaces:
    """Memory that is allocated between start() and stop() and alive at the end, by place.

    Python's allocators, and libraries that report to them, have a place. What malloc has handed out
    beyond has none, and is one place of its own; it is not known where the program traces already.
    """

    def start(self):
        gc.collect()
        self._malloc = None if tracemalloc.is_tracing() else _process_look.malloc_in_use()
        self._begun = not tracemalloc.is_tracing()
        if self._begun:
            tracemalloc.start(FRAMES)
        self._before = tracemalloc.take_snapshot()

    def stop(self):
        """[(bytes, Stack, or None for native memory)], most first."""
        gc.collect()
        after = tracemalloc.take_snapshot()
        if self._begun:
            tracemalloc.stop()
        large = _large(after) - _large(self._before)
        hidden = [tracemalloc.Filter(False, name)
                  for name in (tracemalloc.__file__, _process_look.__file__, __file__)]
        changes = after.filter_traces(hidden).compare_to(
            self._before.filter_traces(hidden), "traceback")
        places = [(change.size_diff, _stack(change.traceback)) for change in changes
                  if change.size_diff > 0]
        del after, changes
        self._before = None
        gc.collect()
        malloc = None if self._malloc is None else _process_look.malloc_in_use()
        if malloc is not None and malloc - self._malloc - large > 0:
            places.append((malloc - self._malloc - large, None))
        return sorted(places, key=lambda place: -place[0])


def _large(snapshot):
    return sum(trace.size for trace in snapshot.traces if trace.size > LARGE)


def _stack(traceback):
    return Stack(tuple(StackFrame(UNKNOWN, frame.filename, frame.lineno)
                       for frame in reversed(traceback)))


class LeakedObjects:
    """Objects that the collector knows, made between start() and stop() and alive at the end.

    What is alive at the start is frozen for that time (gc.freeze): it is not looked at, and its
    garbage not collected. Not possible where the program has frozen objects itself.
    """

    def start(self):
        gc.collect()
        if gc.get_freeze_count() != 0:
            raise RuntimeError("objects are frozen (gc.freeze): which are new cannot be told")
        gc.freeze()

    def stop(self):
        """The objects; ends the freezing."""
        try:
            gc.collect()
            return gc.get_objects()
        finally:
            gc.unfreeze()
