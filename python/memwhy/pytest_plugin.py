# SPDX-License-Identifier: Apache-2.0
"""pytest plugin: memory limits of single tests. Active with the package; needs no root.

    @pytest.mark.limit_memory("24 MB")          # peak while the test runs
    @pytest.mark.no_growth(iterations=40, warmup=10)   # repeated: nothing may grow steadily
    @pytest.mark.limit_leaks("1 MB")            # memory left behind, of any one place
    @pytest.mark.limit_leaked_objects(0)        # objects that the collector knows, left behind
    @pytest.mark.limit_tensors(0)               # torch tensors left behind

`--memwhy` measures every test and prints a table. Works with pytest-xdist.
"""

import functools
import gc
import inspect
import json
import re
import sys
import tracemalloc
from collections import Counter

import pytest

from memwhy import _process_look
from memwhy._left_behind import LeakedObjects, LeakedPlaces, Stack, StackFrame

__all__ = ["Stack", "StackFrame"]

MARKERS = {
    "limit_memory": 'limit_memory(limit): the test may take so much memory at its peak, "24 MB"',
    "no_growth": "no_growth(iterations=20, warmup=5): the test is run so often, and objects, blocks,"
                 " malloc, mappings, descriptors and threads must not grow steadily",
    "limit_leaks": "limit_leaks(limit, filter_fn=None): no place may leave so much memory behind; "
                   "filter_fn(stack) says which places count",
    "limit_leaked_objects": "limit_leaked_objects(n=0, filter_fn=None): at most n objects more "
                            "after the test; filter_fn(object) says which count",
    "limit_tensors": "limit_tensors(n): at most n torch tensors more after the test",
}
PARTS = 4
STEADY = 3  # the later parts rise by a third of their average each at least
_PROPERTY = "memwhy"
_ATTRIBUTE = "_memwhy_result"
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", re.IGNORECASE)
_SHOWN = 8
_CONFIRMING = 400  # iterations
_ROWS = 40
_WITH_FILTER = ("limit_leaks", "limit_leaked_objects")


def pytest_addoption(parser):
    group = parser.getgroup("memwhy")
    group.addoption("--memwhy", action="store_true",
                    help="measure the memory of every test; a table at the end")


def pytest_configure(config):
    for line in MARKERS.values():
        config.addinivalue_line("markers", line)
    config.pluginmanager.register(_Table(config), "memwhy-table")


def parse_size(text):
    """Bytes of "24 MB", "1.5 GiB", "4096"; units are powers of 1024, as in all of memwhy."""
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise pytest.UsageError(f"limit_memory: {text!r} is no size; write it as \"24 MB\"")
    return int(float(found.group(1)) * 1024 ** " KMGT".index(found.group(2).upper() or " "))


def size_text(size):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1000 or unit == "GiB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1024


class Limits:
    """The markers of a test, checked."""

    def __init__(self, item):
        self.memory = self._value(item, "limit_memory", parse_size)
        self.places = self._value(item, "limit_leaks", parse_size)
        self.leaked = self._value(item, "limit_leaked_objects", _count, default=0)
        self.place_filter = self._filter(item, "limit_leaks")
        self.object_filter = self._filter(item, "limit_leaked_objects")
        if self.places is not None and (self.memory is not None or self.object_filter is not None):
            raise pytest.UsageError(
                f"{item.nodeid}: limit_leaks cannot be measured together with limit_memory or with "
                "a filter of objects")
        self.tensors = self._value(item, "limit_tensors", _count)
        self.growth = item.get_closest_marker("no_growth")
        self.iterations = self.warmup = 0
        if self.growth is not None:
            unknown = set(self.growth.kwargs) - {"iterations", "warmup"}
            if unknown or self.growth.args:
                raise pytest.UsageError(
                    f"{item.nodeid}: no_growth takes iterations= and warmup= only")
            self.iterations = _count(self.growth.kwargs.get("iterations", 20))
            self.warmup = _count(self.growth.kwargs.get("warmup", 5))
            if self.iterations < 2 * PARTS:
                raise pytest.UsageError(
                    f"{item.nodeid}: no_growth needs {2 * PARTS} iterations at least")

    def any(self):
        return (self.memory, self.places, self.leaked, self.tensors, self.growth) != (None,) * 5

    @staticmethod
    def _value(item, name, convert, default=None):
        marker = item.get_closest_marker(name)
        if marker is None:
            return None
        if marker.kwargs.get("current_thread_only"):
            raise pytest.UsageError(
                f"{item.nodeid}: {name} counts all threads: memory is not told apart by thread")
        unknown = set(marker.kwargs) - {"current_thread_only"}
        if name in _WITH_FILTER:
            unknown -= {"filter_fn"}
        needed = 1 if default is None else len(marker.args[:1])
        if len(marker.args) != needed or unknown:
            takes = " and filter_fn=" if name in _WITH_FILTER else ""
            raise pytest.UsageError(f"{item.nodeid}: {name} takes one argument{takes}")
        return convert(marker.args[0]) if marker.args else default

    @staticmethod
    def _filter(item, name):
        marker = item.get_closest_marker(name)
        chosen = None if marker is None else marker.kwargs.get("filter_fn")
        if chosen is not None and not callable(chosen):
            raise pytest.UsageError(f"{item.nodeid}: filter_fn of {name} is a callable")
        return chosen


def _count(value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise pytest.UsageError(f"memwhy: {value!r} is no number of 0 or more")
    return value


class _Peak:
    """Highest memory while a test runs: of Python's allocators (tracemalloc) and of the process
    (VmHWM), the larger of both. The process's says what native code takes."""

    def __init__(self):
        self.bytes = 0
        self.lines = []  # of the largest that is alive at the end

    def start(self, traces):
        self._traces = traces and not tracemalloc.is_tracing()
        _process_look.trim()
        self._before = _process_look.rss()
        self._has_peak = _process_look.reset_peak()
        if self._traces:
            tracemalloc.start(1)
        self._traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else None

    def stop(self, explains):
        native = 0
        if self._has_peak:
            native = (_process_look.peak_rss() or 0) - self._before
        if self._traced is not None:
            native -= tracemalloc.get_tracemalloc_memory()
            traced = tracemalloc.get_traced_memory()[1] - self._traced
            native = max(native, traced)
            if explains:
                self.lines = _largest_lines(tracemalloc.take_snapshot())
        if self._traces:
            tracemalloc.stop()
        self.bytes = max(0, native)


def _largest_lines(snapshot):
    lines = []
    for statistic in snapshot.statistics("lineno")[:_SHOWN]:
        frame = statistic.traceback[0]
        lines.append(f"{size_text(statistic.size)} in {statistic.count} blocks at "
                     f"{frame.filename}:{frame.lineno}")
    return lines


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    limits = Limits(item)
    if limits.any() or item.config.getoption("memwhy"):
        # Around runtest itself: what pytest makes for the call lies outside of the looks.
        item.runtest = functools.partial(_measure, item, limits, item.runtest)
        yield
        del item.runtest
    else:
        yield


def _measure(item, limits, runtest):
    looks = _process_look.Looks()
    tensors = _process_look.count_tensors() if limits.tensors is not None else None
    peak = _Peak()
    looks.take()
    looks.take()  # the second one is what counts: the first made what looking itself needs
    places = LeakedPlaces() if limits.places is not None else None
    objects = LeakedObjects() if limits.object_filter is not None else None
    peak.start(traces=limits.memory is not None)
    left = new = ()  # no list: the looks count those
    try:
        if objects is not None:
            objects.start()
        if places is not None:
            places.start()
        runtest()
    finally:
        if places is not None:
            left = places.stop()
        if objects is not None:
            new = objects.stop()
        peak.stop(explains=limits.memory is not None)
    if limits.object_filter is not None:
        new = [type(one) for one in new if limits.object_filter(one)]
    looks.take()
    _, before, after = looks.read()
    result = {"peak": peak.bytes, "failures": []}
    _note_leaks(result, before, after)
    if limits.memory is not None:
        result["limit"] = limits.memory
        if peak.bytes > limits.memory:
            result["failures"].append([
                f"the test took {size_text(peak.bytes)} at its peak, the limit is "
                f"{size_text(limits.memory)}",
                *(["alive at its end:"] + peak.lines if peak.lines else [])])
    if limits.places is not None:
        result["failures"] += _leaking_places(left, limits)
    if limits.object_filter is not None:
        _note_objects(result, new)
    if limits.leaked is not None and result["objects"] > limits.leaked:
        result["failures"].append([
            f"{result['objects']} objects are left behind, the limit is {limits.leaked}:",
            *(f"{count} {name}" for name, count in result["types"])])
    if limits.tensors is not None:
        gc.collect()
        left = (_process_look.count_tensors() or 0) - (tensors or 0)
        result["tensors"] = left
        if left > limits.tensors:
            result["failures"].append(
                [f"{left} tensors are left behind, the limit is {limits.tensors}"])
    grown = getattr(item, "_memwhy_grown", None)
    if grown:
        result["failures"].append(grown)
    setattr(item, _ATTRIBUTE, result)


def _note_leaks(result, before, after):
    types = {name: count - before[1].get(name, 0) for name, count in after[1].items()}
    grown = sorted(((count, name) for name, count in types.items() if count > 0), reverse=True)
    result["objects"] = sum(count for count, _ in grown)
    result["types"] = [(name, count) for count, name in grown[:_SHOWN]]
    for name in _process_look.NUMBERS:
        if before[0][name] is not None and after[0][name] is not None:
            result[name] = after[0][name] - before[0][name]


def _note_objects(result, types):
    counts = Counter(map(_process_look.type_name, types))
    result["objects"] = len(types)
    result["types"] = [(name, count) for name, count in counts.most_common(_SHOWN)]


def _leaking_places(places, limits):
    """The lines of each place that keeps too much."""
    found = []
    for size, stack in places:
        if size < limits.places:
            break
        shown = stack or Stack((StackFrame("native code", "malloc", 0),))
        if limits.place_filter is not None and not limits.place_filter(shown):
            continue
        lines = [f"{frame.filename}:{frame.lineno}" for frame in shown.frames[:_SHOWN]]
        if stack is None:
            lines = ["native code, beyond what Python's allocators know"]
        found.append([f"{size_text(size)} are left behind by one place, the limit is "
                      f"{size_text(limits.places)}:", *lines])
    return found[:_SHOWN]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    limits = Limits(pyfuncitem)
    if limits.growth is None:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    def run(times):
        for _ in range(times):
            value = pyfuncitem.obj(**arguments)
            if inspect.isawaitable(value):
                close = getattr(value, "close", None)
                if close is not None:
                    close()
                pytest.fail("no_growth cannot await this test: call asyncio.run() in it",
                            pytrace=False)

    def watch(iterations):
        part, rest = divmod(iterations, PARTS)
        looks = _process_look.Looks()
        looks.take()  # what a look itself needs is there before the first that counts
        looks.take()
        for index in range(PARTS):
            run(part + (index < rest))
            looks.take()
        return _series(looks.read()[1:])

    run(limits.warmup)
    suspects = {name for name, values in watch(limits.iterations).items() if _may_grow(values)}
    grown = []
    if suspects:
        # Caches of the interpreter fill over some hundred calls, and heaps grow in steps: two of
        # two, the second longer.
        iterations = max(limits.iterations, _CONFIRMING)
        grown = _steady_rates(watch(iterations), suspects, iterations)
    pyfuncitem._memwhy_grown = _growth(grown, limits.iterations, lambda: run(limits.iterations))
    return True


_UNITS = {"blocks": "blocks of Python's allocators", "malloc": "bytes of malloc",
          "mapped": "bytes of mappings", "descriptors": "file descriptors", "threads": "threads"}
_IN_BYTES = {_UNITS["malloc"], _UNITS["mapped"]}
_MAP_MEMORY = {_UNITS["blocks"], _UNITS["malloc"], _UNITS["threads"]}


def _series(looks):
    """name -> its numbers, one of each look."""
    names = sorted(set().union(*(types for _, types in looks)))
    series = {f"objects of type {name}": [types.get(name, 0) for _, types in looks]
              for name in names}
    for name in _process_look.NUMBERS:
        if looks[0][0][name] is not None:
            series[_UNITS[name]] = [numbers[name] for numbers, _ in looks]
    return series


def _rises(values):
    return [after - before for before, after in zip(values, values[1:])]


def _may_grow(values):
    return sum(rise > 0 for rise in _rises(values)) >= PARTS - 1


def _steady_rates(series, suspects, iterations):
    """(number per iteration, name) of those suspects that rise in each part, and behind the first
    one evenly: what fills up (a cache, a heap) rises in the first part most, or in single ones."""
    part = iterations / PARTS
    grown = []
    for name in suspects & series.keys():
        first, *later = _rises(series[name])
        least = part if name in _IN_BYTES else 1  # less than a byte per iteration is noise
        # A heap that was cut back in the first part hides what was mapped.
        starts = first >= least or name == _UNITS["mapped"]
        if starts and min(later) >= least and min(later) * len(later) * STEADY >= sum(later):
            grown.append((sum(later) / (part * len(later)), name))
    if any(name in _MAP_MEMORY for _, name in grown):
        return [one for one in grown if one[1] != _UNITS["mapped"]]
    return grown


def _growth(grown, iterations, again):
    """The lines of a failure, or []."""
    if not grown:
        return []
    grown.sort(key=lambda one: (not one[1].startswith("objects"), -one[0]))
    lines = [f"{len(grown)} numbers rise steadily over {iterations} iterations, and again over "
             f"{max(iterations, _CONFIRMING)}:"]
    lines += [f"{rate:+.3g} {name} per iteration" for rate, name in grown[:_SHOWN]]
    return lines + _lines_that_grow(again)


def _lines_that_grow(again):
    """Where Python memory that stays is allocated: the work once more under tracemalloc."""
    if tracemalloc.is_tracing():
        return []
    tracemalloc.start(12)
    try:
        gc.collect()
        before = tracemalloc.take_snapshot()
        again()
        gc.collect()
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    ours = tracemalloc.Filter(False, tracemalloc.__file__)
    mine = tracemalloc.Filter(False, _process_look.__file__)
    changes = after.filter_traces((ours, mine)).compare_to(
        before.filter_traces((ours, mine)), "traceback")
    lines = []
    for change in changes:
        if change.size_diff <= 0 or len(lines) >= _SHOWN:
            break
        frame = change.traceback[-1]
        lines.append(f"{size_text(change.size_diff)} in {change.count_diff} blocks at "
                     f"{frame.filename}:{frame.lineno}")
    return ["where it was allocated, traced once more:"] + lines if lines else []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    result = getattr(item, _ATTRIBUTE, None)
    if call.when != "call" or result is None:
        return
    report = outcome.get_result()
    failures = result.pop("failures")
    if report.passed and failures:
        report.outcome = "failed"
        report.longrepr = "\n".join("memwhy: " + "\n    ".join(lines) for lines in failures)
    report.user_properties.append((_PROPERTY, json.dumps(result)))


class _Table:
    """Collects what the tests measured, in the process that prints: with xdist the controller."""

    def __init__(self, config):
        self._config = config
        self._rows = []

    def pytest_runtest_logreport(self, report):
        if report.when != "call" or hasattr(self._config, "workerinput"):
            return
        for name, value in report.user_properties:
            if name == _PROPERTY:
                self._rows.append((report.nodeid, json.loads(value)))

    def pytest_terminal_summary(self, terminalreporter):
        if not self._config.getoption("memwhy") or not self._rows:
            return
        terminalreporter.section("memory of the tests (memwhy)")
        terminalreporter.write_line(
            f"{'peak':>10} {'limit':>10} {'objects':>8} {'malloc':>10} {'files':>5}  test")
        self._rows.sort(key=lambda row: -row[1]["peak"])
        for nodeid, row in self._rows[:_ROWS]:
            limit = size_text(row["limit"]) if "limit" in row else "-"
            malloc = size_text(row["malloc"]) if "malloc" in row else "unknown"
            terminalreporter.write_line(
                f"{size_text(row['peak']):>10} {limit:>10} {row['objects']:>+8} {malloc:>10} "
                f"{row.get('descriptors', 0):>+5}  {_plain(nodeid)}")
        if len(self._rows) > _ROWS:
            terminalreporter.write_line(f"... and {len(self._rows) - _ROWS} tests with less")


def _plain(text):
    """A name that does nothing to a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
