# SPDX-License-Identifier: Apache-2.0
"""CPython's own tests give the same result under `memwhy run` as without, test by test.

Two short files on the oldest and the newest CPython that ships its tests. With
MEMWHY_FULL_TESTS=1 all of MODULES on 3.8, 3.11 and 3.13, the quicker ones on every other version,
and once more with --objects on 3.11; that takes about an hour on two cores.

No test is excepted. A test whose result differs is run again both ways: it counts when it differs
each time, since some of these tests measure time.
"""

import json
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from conftest import FULL, clean_environment, find_pythons, stats_of

QUICK = "test_fork1 test_gc test_capi test_threading test_subprocess".split()
MODULES = [*QUICK, "test_asyncio", "test_multiprocessing_spawn"]
WHOLE = ("3.8", "3.11", "3.13")  # of these versions all modules
DEFAULT = ("test_fork1", "test_gc")
TRIES = 3

# Which of the modules can be found, and whether there is a runner for them.
LOOK = """if 1:
    import importlib.util, json, sys
    def is_there(name):
        try: return importlib.util.find_spec(name) is not None
        except ImportError: return False
    names = sys.argv[1:] if is_there('test.libregrtest.main') else []
    print(json.dumps([name for name in names if is_there('test.' + name)]))
"""


def modules_of(python):
    done = subprocess.run(
        [python.path, "-c", LOOK, *MODULES], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


def minor(python):
    return tuple(map(int, python.minor.split(".")))


def cases():
    pythons = sorted(find_pythons()[0], key=minor)
    shipped = [(python, modules_of(python)) for python in pythons]
    chosen = shipped
    if not FULL:
        complete = [one for one in shipped if set(DEFAULT) <= set(one[1])] or shipped
        chosen = complete[:1] + complete[1:][-1:]
    for python, there in chosen:
        name = f"{python.version}-{python.path.split('/')[1]}"
        wanted = MODULES if python.minor in WHOLE else QUICK
        for module in wanted if FULL else DEFAULT:
            marks = []
            if module not in there:
                marks = pytest.mark.skip(f"{python.path} comes without test.{module}")
            yield pytest.param(python, module, (), id=f"{name}-{module}", marks=marks)
            if FULL and python.minor == "3.11":
                options = ("--objects",)
                yield pytest.param(
                    python, module, options, id=f"{name}-{module}-objects", marks=marks
                )


class Outcome:
    """What one run of a test file said: its exit code and each test's result."""

    def __init__(self, python, module, folder, marked, before=()):
        folder.mkdir()
        report = folder / "report.xml"
        done = subprocess.run(
            [*before, python.path, "-m", "test", "--junit-xml", str(report), module],
            cwd=folder,
            env=clean_environment(**marked),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=1800,
        )
        self.output = done.stdout.decode(errors="replace")
        self.results = {"exit code": done.returncode}
        if not report.exists():
            self.results["tests"] = "none were run"
            return
        for case in ElementTree.parse(report).iter("testcase"):
            name = f"{case.get('classname', '')}.{case.get('name')}"
            bad = [child.tag for child in case if child.tag in ("skipped", "error", "failure")]
            self.results[name] = bad[0] if bad else "passed"


def differences(plain, recorded):
    names = plain.results.keys() | recorded.results.keys()
    return {
        name: (plain.results.get(name), recorded.results.get(name))
        for name in names
        if plain.results.get(name) != recorded.results.get(name)
    }


@pytest.mark.parametrize("cpython,module,options", cases())
def test_the_same_result_as_without(memwhy, tmp_path, marked, cpython, module, options):
    always = None
    for number in range(TRIES):
        session = tmp_path / f"{number}.mwy"
        plain = Outcome(cpython, module, tmp_path / f"{number}.plain", marked)
        before = [memwhy, "run", *options, "-o", str(session), "--"]
        recorded = Outcome(cpython, module, tmp_path / f"{number}.recorded", marked, before)
        print(f"{len(plain.results) - 1} tests, exit code {plain.results['exit code']}")
        found = differences(plain, recorded)
        print(f"differ: {found}")
        always = found if always is None else {n: v for n, v in found.items() if n in always}
        if not always:
            break
    assert not always, recorded.output[-4000:]
    assert len(plain.results) > 3, plain.output[-4000:]
    if module in DEFAULT:
        stats = stats_of(memwhy, session)
        assert stats["session"]["ended"] == f"exit:{recorded.results['exit code']}"
        assert stats["totals"]["allocated"]["blocks"] > 1000
    for session in tmp_path.glob("*.mwy"):
        shutil.rmtree(session)  # some hundred megabytes of --objects
