# SPDX-License-Identifier: Apache-2.0
"""Dumps of memory that cannot all be read, in place as well as by a clone, and what stays of them."""

from pathlib import Path

import pytest
from conftest import build_extension, wait_for
from heap_dump import view, waiting

HERE = Path(__file__).parent / "heap"


@pytest.mark.parametrize("options", [(), ("--in-place",)], ids=["clone", "in_place"])
def test_an_object_that_cannot_be_read_is_skipped(memwhy, python, tmp_path, options):
    with waiting(memwhy, python, HERE / "wild_reference.py", tmp_path) as target:
        target.dump("first.heap", "--no-scan")  # the process's first thread: libc's own handlers
        before = target.ask("put")
        dump = target.dump("d.heap", "--no-scan", *options)
        after = target.ask("mend")
    assert after == before
    document = view(memwhy, "types", dump)
    facts = document["dump"]
    assert facts["complete"] and facts["method"] == ("in_place" if options else "clone")
    assert facts["skipped"] == [{"why": "could not be read", "count": 1}]
    assert facts["skipped_examples"] == [target.said["wild"]]
    kept = {row["type"]: row["objects"] for row in document["types"]}["__main__.Kept"]
    assert kept == target.said["kept"] + 1  # that in the list with the wild item is tracked


def test_the_programs_own_faults_are_the_programs(memwhy, python, tmp_path):
    """A handler of SIGSEGV that another thread needs while the walk has borrowed the signal."""
    build_extension(python, HERE / "faulting.c", tmp_path)
    with waiting(memwhy, python, HERE / "wild_reference.py", tmp_path / "run", tmp_path) as target:
        target.dump("first.heap", "--no-scan")
        states = [target.ask("put")]
        for number in range(3):
            target.dump(f"{number}.heap", "--in-place")
            handled = states[-1]["handled"]
            wait_for(lambda: target.ask("state")["handled"] > handled, what="faults go on")
            states.append(target.ask("state"))
        target.ask("mend")
    for state in states:
        del state["handled"]
    assert states[0]["in_place"]
    for state in states:
        assert state == states[0]
