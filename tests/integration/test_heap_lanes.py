# SPDX-License-Identifier: Apache-2.0
"""A large dump is written by two clones: what they write together is what one writes alone."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import find_pythons, wait_for
from heap_dump import needs_two_lanes, proofs_by_type, view, waiting

MANY = Path(__file__).parent / "heap" / "many_objects.py"
OBJECTS = 80_000  # with what they refer to some 300,000
CLONE_NAME = "memwhy-dump"

pytestmark = needs_two_lanes


def clones_of(pid):
    """The clones that live: {pid: niceness}."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = Path("/proc", entry, "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        name, fields = text.partition("(")[2].rpartition(")")[::2]
        fields = fields.split()
        if name == CLONE_NAME and int(fields[1]) == pid and fields[0] != "Z":
            found[int(entry)] = int(fields[16])
    return found


def summary(memwhy, dump):
    """What a dump says, without what two dumps of one moment may differ in."""
    types = view(memwhy, "types", dump, "--top", "100000")
    rows = {
        row["type"]: (row["objects"], row["shallow"], row["retained"]) for row in types["types"]
    }
    generations = [
        {
            row["type"]: row["objects"]
            for row in view(
                memwhy, "types", dump, "--generation", str(generation), "--top", "100000"
            )["types"]
        }
        for generation in range(3)
    ]
    facts = types["dump"]
    return {
        "objects": facts["objects"],
        "edges": facts["edges"],
        "bytes": facts["bytes"],
        "skipped": facts["skipped"],
        "complete": facts["complete"],
        "types": rows,
        "generations": generations,
        "refs": view(memwhy, "refs", dump)["totals"],
        "proofs": {kind: sorted(all_) for kind, all_ in proofs_by_type(memwhy, dump).items()},
    }


def test_two_lanes_write_what_one_writes(memwhy, python, tmp_path):
    with waiting(memwhy, python, MANY, tmp_path, str(OBJECTS)) as target:
        allowed = os.sched_getaffinity(target.pid)
        two = target.dump("two.heap")
        os.sched_setaffinity(target.pid, {min(allowed)})
        one = target.dump("one.heap")
        assert target.ask("sum")["sum"] == target.said["sum"]
        assert clones_of(target.pid) == {}
    lanes = [view(memwhy, "types", dump)["dump"]["lanes"] for dump in (two, one)]
    assert lanes == [2, 1]
    expected = summary(memwhy, one)
    assert expected["objects"] > 3 * OBJECTS
    assert len(expected["proofs"]["__main__.Slots"]) == 1  # the lost one
    assert sum(expected["generations"][0].values()) > OBJECTS / 4
    assert sum(expected["generations"][2].values()) > OBJECTS / 2
    assert summary(memwhy, two) == expected
    difference = view(memwhy, "diff", one, two)
    assert all(row["new"] == 0 and row["gone"] == 0 for row in difference["types"])
    for dump in (one, two):
        # Which of many comes first is by chance, how it is held is not.
        found = view(memwhy, "path", dump, "--type", "functools.partial", "--max", "3")["paths"]
        texts = [re.sub("[0-9]+", "N", path["text"]) for path in found]
        assert texts == ["main().kept.cell_contents[N]"] * 3 or texts == ["main().kept[N]"] * 3


class HeldDump:
    """A dump whose second clone stands still, so that the first waits for it."""

    def __init__(self, memwhy, target):
        self.target = target
        self.path = target.folder / "held.heap"
        self.command = subprocess.Popen(
            [memwhy, "heap", "dump", str(target.pid), "-o", str(self.path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_for(self._hold, what="the second clone")

    def _hold(self):
        clones = clones_of(self.target.pid)
        if len(clones) < 2:
            assert self.command.poll() is None, self.command.stdout.read()
            return False
        self.second = max(clones, key=clones.get)
        self.first = min(clones, key=clones.get)
        os.kill(self.second, signal.SIGSTOP)
        return clones[self.second] > clones[self.first]

    def end(self):
        said, _ = self.command.communicate(timeout=60)
        assert not self.path.exists()
        return self.command.returncode, said


@pytest.fixture(name="target")
def fixture_target(memwhy, tmp_path):
    with waiting(memwhy, find_pythons()[0][0], MANY, tmp_path, str(OBJECTS)) as target:
        yield target
        # Nothing is left, and the next dump is whole.
        wait_for(lambda: clones_of(target.pid) == {}, what="the end of the clones")
        facts = view(memwhy, "types", target.dump())["dump"]
        assert facts["complete"] and facts["lanes"] == 2
        assert target.ask("sum")["sum"] == target.said["sum"]


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_clone_that_is_killed_ends_the_dump(memwhy, target, which):
    held = HeldDump(memwhy, target)
    os.kill(getattr(held, which), signal.SIGKILL)
    code, said = held.end()
    assert code == 3
    assert "the clone" in said
    assert clones_of(target.pid) == {}


def test_a_command_that_is_killed_ends_both(memwhy, target):
    held = HeldDump(memwhy, target)
    held.command.kill()
    held.end()
    os.kill(held.second, signal.SIGCONT)
    wait_for(lambda: clones_of(target.pid) == {}, what="the end of the clones")
