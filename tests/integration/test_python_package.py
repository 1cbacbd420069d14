# SPDX-License-Identifier: Apache-2.0
"""The Python package's own tests that depend on the interpreter, on every CPython here.

They are plain functions with asserts, so they also run where pytest is not installed: a stand-in
for the few of its names that they use is put in its place.
"""

import subprocess

import pytest

from conftest import ROOT, clean_environment

STAND_IN = """if 1:
    import inspect, re, sys, types

    class Skip(Exception): pass
    class Raises:
        def __init__(self, kind, match=""): self.kind, self.match = kind, match
        def __enter__(self): return self
        def __exit__(self, kind, value, trace):
            assert kind is not None and issubclass(kind, self.kind), kind
            assert re.search(self.match, str(value)), value
            return True
    class Mark:
        def skipif(self, condition, reason):
            def mark(function):
                function.is_skipped = condition
                return function
            return mark
        def parametrize(self, name, values):
            def mark(function):
                function.cases = [{name: value} for value in values]
                return function
            return mark
    class MonkeyPatch:
        def __init__(self): self.undo = []
        def setattr(self, owner, name, value):
            self.undo.append((owner, name, getattr(owner, name)))
            setattr(owner, name, value)
    def fixture(function=None, autouse=False):
        def mark(function):
            function.is_fixture = True
            return function
        return mark(function) if function else mark

    stand_in = types.ModuleType("pytest")
    stand_in.raises, stand_in.mark, stand_in.fixture = Raises, Mark(), fixture
    sys.modules["pytest"] = stand_in
    sys.path[:0] = sys.argv[1:3]
    module = __import__(sys.argv[3])
    around = [f for f in vars(module).values() if getattr(f, "is_fixture", False)]
    count = 0
    for name, function in list(vars(module).items()):
        if not name.startswith("test_") or getattr(function, "is_skipped", False):
            continue
        names = inspect.signature(function).parameters
        if "capsys" in names:
            continue
        for case in getattr(function, "cases", [{}]):
            patch = MonkeyPatch()
            case = dict(case, monkeypatch=patch) if "monkeypatch" in names else case
            open_ones = [f() for f in around]
            for entry in open_ones: next(entry)
            try:
                function(**case)
            except BaseException:
                print("in", name, case, file=sys.stderr)
                raise
            for owner, attribute, value in patch.undo: setattr(owner, attribute, value)
            for entry in open_ones: assert next(entry, None) is None
            count += 1
    print(count)
"""


@pytest.mark.parametrize(("module", "least"), [("test_refcount", 7), ("test_garbage", 20)])
def test_on_every_cpython(python, module, least):
    if python.minor == "3.8":
        pytest.skip("the package needs Python 3.9")
    done = subprocess.run(
        [python.path, "-c", STAND_IN, ROOT / "python", ROOT / "python" / "tests", module],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= least
