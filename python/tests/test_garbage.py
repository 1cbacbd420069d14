# SPDX-License-Identifier: Apache-2.0
"""memwhy.find_garbage() and dump_garbage(): what they find, and that nothing else changes."""

import ctypes
import gc
import io
import json
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

import memwhy

PACKAGE_ROOT = Path(memwhy.__file__).resolve().parent.parent


class Node:
    pass


class Slotted:
    __slots__ = ("next", "__weakref__")


class Hostile:
    """Every look at it is an error."""

    calls = []

    def _fail(self, *arguments):
        Hostile.calls.append(arguments)
        raise AssertionError("code of the class was called")

    __repr__ = __str__ = __eq__ = __hash__ = __len__ = __bool__ = __sizeof__ = _fail
    __getattribute__ = __getattr__ = __iter__ = __contains__ = __dir__ = __format__ = _fail
    __class__ = property(_fail)


class HostileMeta(type):
    def _fail(cls, *arguments):
        Hostile.calls.append(arguments)
        raise AssertionError("code of the metaclass was called")

    __repr__ = __eq__ = __hash__ = __instancecheck__ = __getattribute__ = _fail
    __module__ = property(_fail)
    __mro__ = property(_fail)


@pytest.fixture(autouse=True)
def clean():
    gc.collect()
    # Else an automatic collection may come before the one that is looked at.
    gc.disable()
    yield
    assert gc.get_debug() == 0 and gc.garbage == [] and not gc.isenabled()
    gc.enable()


def make_pair(kind=Node):
    first, second = kind(), kind()
    first.next, second.next = second, first
    return weakref.ref(first)


def group_of(report, name):
    found = [g for g in report["groups"] if name in g.get("types", {g.get("type"): 0})]
    assert len(found) == 1, report
    return found[0]


def name_of(kind):
    return f"{__name__}.{kind.__name__}"


@pytest.mark.parametrize("kind", [Node, Slotted])
def test_cycles_that_are_alike_are_one_group(kind):
    for _ in range(5):
        make_pair(kind)
    report = memwhy.find_garbage()
    group = group_of(report, name_of(kind))
    assert group["cycles"] == 5
    assert group["types"][name_of(kind)] == 2
    assert group["ring"] == [{"type": name_of(kind), "edge": ".next"}] * 2
    assert group["bytes"] > 0
    assert report["cycles"] == 5 and report["uncollectable"] == 0


def test_what_was_found_is_freed():
    alive = make_pair()
    memwhy.find_garbage()
    assert alive() is None


def test_reachable_objects_are_no_garbage():
    kept = Node()
    kept.me = kept
    assert memwhy.find_garbage()["objects"] == 0
    assert kept.me is kept


def test_self_reference_and_what_hangs_below():
    node = Node()
    node.me = node
    node.data = [[0] * 100 for _ in range(7)]
    del node
    group = group_of(memwhy.find_garbage(), name_of(Node))
    assert group["cycles"] == 1
    assert group["ring"][0] == {"type": name_of(Node), "edge": ".me"}
    assert group["below"]["objects"] == 8
    assert group["below"]["bytes"] > 7 * 800


def test_names_of_edges():
    node = Node()
    node.items = [None, {"back": (node,)}]
    del node
    ring = group_of(memwhy.find_garbage(), name_of(Node))["ring"]
    assert [step["edge"] for step in ring] == [".items", "[1]", "['back']", "[0]"]

    def outer():
        def inner():
            return inner

        inner()

    outer()
    ring = group_of(memwhy.find_garbage(), "cell")["ring"]
    assert {step["edge"] for step in ring} >= {".cell_contents", ".__closure__"}

    try:
        raise ValueError
    except ValueError as error:
        error.me = error
    ring = group_of(memwhy.find_garbage(), "ValueError")["ring"]
    assert ring == [{"type": "ValueError", "edge": ".me"}]


def test_long_chain_needs_no_recursion():
    first = last = Node()
    for _ in range(20_000):
        last.next = Node()
        last = last.next
    last.next = first
    del first, last
    report = memwhy.find_garbage()
    assert group_of(report, name_of(Node))["types"][name_of(Node)] == 20_001


def test_group_by_type_says_who_holds():
    for _ in range(3):
        make_pair()
    report = memwhy.find_garbage(group_by="type")
    group = group_of(report, name_of(Node))
    assert group["objects"] == 6
    assert group["held_by"] == [{"type": name_of(Node), "edge": ".next", "objects": 6}]
    assert "held_by" not in memwhy.find_garbage(group_by="type", with_referrers=False)


def test_code_of_the_objects_is_never_called():
    for kind in (Hostile, HostileMeta("Strange", (Node,), {})):
        thing = object.__new__(kind)
        attributes = {"me": thing, "other": {1: [thing]}}
        object.__setattr__(thing, "attributes", attributes)
        attributes["thing"] = thing
        del thing, attributes
    del kind
    for group_by in ("cycle", "type"):
        memwhy.dump_garbage(group_by=group_by, file=io.StringIO())
        thing = object.__new__(Hostile)
        object.__setattr__(thing, "me", [thing])
        del thing
    report = memwhy.find_garbage()
    assert report["objects"] > 0
    assert Hostile.calls == []


def test_classes_and_extension_objects_are_described():
    ctypes.CDLL(None)  # makes a class whose __sizeof__ is a method of its defining class
    kind = type("Temporary", (), {"self": None})
    kind.self = kind()
    del kind
    report = memwhy.find_garbage()
    assert group_of(report, f"{__name__}.Temporary")["cycles"] == 1
    assert all(group["bytes"] > 0 for group in report["groups"])


def test_report_is_plain_data():
    make_pair()
    report = memwhy.find_garbage()
    assert json.loads(json.dumps(report)) == report


def test_flags_and_garbage_are_put_back():
    kept = Node()
    gc.garbage.append(kept)
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
    try:
        make_pair()
        assert memwhy.find_garbage()["objects"] >= 2
        assert gc.garbage == [kept]
        assert gc.get_debug() == gc.DEBUG_UNCOLLECTABLE
        assert not gc.isenabled()
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_save_all_that_was_set_stays_and_keeps_nothing_more():
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        alive = make_pair()
        memwhy.find_garbage()
        assert gc.get_debug() == gc.DEBUG_SAVEALL
        assert gc.garbage == [] and alive() is None
    finally:
        gc.set_debug(0)


def test_everything_is_put_back_after_an_error():
    class Closed:
        def write(self, text):
            raise OSError("closed")

    alive = make_pair()
    gc.enable()
    with pytest.raises(OSError, match="closed"):
        memwhy.dump_garbage(file=Closed())
    was_enabled = gc.isenabled()
    gc.disable()
    assert was_enabled and alive() is None
    assert gc.get_debug() == 0 and gc.garbage == []


def test_error_while_describing_leaves_nothing(monkeypatch):
    from memwhy import _garbage

    def fail(*unused):
        raise MemoryError

    monkeypatch.setattr(_garbage, "_find_cycles", fail)
    alive = make_pair()
    with pytest.raises(MemoryError):
        memwhy.find_garbage()
    assert not gc.isenabled() and gc.get_debug() == 0 and gc.garbage == []
    gc.collect()
    assert alive() is None


def test_garbage_bound_to_something_else_keeps_nothing():
    own = gc.garbage
    for other in ([], None):
        gc.garbage = other
        try:
            alive = make_pair()
            assert group_of(memwhy.find_garbage(), name_of(Node))["cycles"] == 1
            assert own == [] and alive() is None
        finally:
            gc.garbage = own


def test_counts_are_those_of_a_collection():
    for _ in range(9):
        make_pair()
    found = memwhy.find_garbage()["objects"]
    for _ in range(9):
        make_pair()
    assert gc.collect() == found >= 18


def test_finalizer_that_revives_is_no_garbage():
    class Phoenix:
        revived = []

        def __del__(self):
            Phoenix.revived.append(self)

    bird = Phoenix()
    bird.me = bird
    del bird
    report = memwhy.find_garbage()
    assert len(Phoenix.revived) == 1
    assert not any("Phoenix" in str(group["types"]) for group in report["groups"])
    Phoenix.revived[0].me = None


def test_limit_and_text():
    for kind in (Node, Slotted):
        make_pair(kind)
    report = memwhy.find_garbage(limit=1)
    assert len(report["groups"]) == 1 and report["groups_left_out"] == 1
    for kind in (Node, Slotted):
        make_pair(kind)
    out = io.StringIO()
    memwhy.dump_garbage(file=out)
    text = out.getvalue()
    assert "unreachable objects in 2 cycles" in text
    assert f"{name_of(Node)}.next -> {name_of(Node)}.next -> the first" in text
    out = io.StringIO()
    memwhy.dump_garbage(file=out)
    assert out.getvalue() == "No unreachable objects.\n"


def test_first_call_loads_what_it_needs_and_finds_all():
    code = f"""if 1:
        import gc, sys
        sys.path.insert(0, {str(PACKAGE_ROOT)!r})
        import memwhy
        assert 'memwhy._garbage' not in sys.modules
        gc.collect()
        me = []
        me.append(me)
        del me
        report = memwhy.find_garbage()
        assert any(group["types"] == {{"list": 1}} for group in report["groups"]), report
        assert gc.isenabled()
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_default_file_is_stderr(capsys):
    memwhy.dump_garbage()
    assert capsys.readouterr() == ("", "No unreachable objects.\n")


@pytest.mark.parametrize("arguments", [{"group_by": "size"}, {"limit": -1}, {"limit": None}])
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match="memwhy"):
        memwhy.find_garbage(**arguments)


def test_names_do_not_act_on_a_terminal():
    name = "a\x1b[31m\u202e\nb"
    thing = type(name, (), {})()
    setattr(thing, name, thing)
    del thing
    out = io.StringIO()
    memwhy.dump_garbage(file=out)
    text = out.getvalue()
    assert "\\x1b[31m\\u202e\\nb" in text
    assert not [c for c in text if c != "\n" and not c.isprintable()]
