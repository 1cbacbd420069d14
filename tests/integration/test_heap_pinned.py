# SPDX-License-Identifier: Apache-2.0
"""Memory that a driver has pinned: a clone would copy it page by page, with everybody waiting."""

import os
from pathlib import Path

import pytest
from conftest import find_pythons, wait_for
from heap_dump import view, waiting

PINS = Path(__file__).parent / "heap" / "pins_memory.py"
MIB = 1 << 20


def skip_without_pins(target):
    if target.said["error"]:
        pytest.skip(f"no io_uring to pin memory with: {os.strerror(target.said['error'])}")
    assert target.said["pinned"] >= 264 * MIB


def facts_of(memwhy, dump):
    document = view(memwhy, "types", dump)
    assert document["dump"]["skipped"] == []
    return document["dump"], {row["type"]: row for row in document["types"]}


def test_pinned_memory_stays_out_of_the_clone(memwhy, python, tmp_path):
    with waiting(memwhy, python, PINS, tmp_path) as target:
        skip_without_pins(target)
        dump = target.dump()
        after = target.ask("state")
    facts, rows = facts_of(memwhy, dump)
    assert facts["method"] == "clone"
    assert facts["predicted_pause_ms"] < 256 * 2.6 / 4  # of what copying would take
    assert 254 * MIB <= facts["spared_bytes"] <= 256 * MIB
    assert rows["__main__.Kept"]["objects"] == 1000
    # The advice is what it was: the program's own stays.
    assert after["plain"] == 0 and after["own"] == 8 * MIB
    # Not all memory was searched, so nothing is proven.
    assert view(memwhy, "refs", dump)["totals"]["scanned"] is False


def test_pinned_memory_of_objects_is_in_the_dump(memwhy, tmp_path):
    """A list's table and a text: what is pinned is not what nobody needs."""
    with waiting(memwhy, find_pythons()[0][0], PINS, tmp_path, "objects") as target:
        skip_without_pins(target)
        dump = target.dump()
        known = target.ask("state")
    facts, rows = facts_of(memwhy, dump)
    assert facts["spared_bytes"] <= 256 * MIB
    assert rows["__main__.Kept"]["objects"] == 1000
    paths = view(memwhy, "path", dump, "--type", "bytes", "--max", "1")["paths"]
    assert paths[0]["object"]["shallow"] == 16 * MIB + 33
    assert paths[0]["text"] == "__main__.TEXT[0]"
    lists = view(memwhy, "path", dump, "--type", "list", "--max", "5")["paths"]
    kept = {path["text"]: path["object"] for path in lists}["__main__.kept"]
    assert kept["shallow"] >= 8 * known["kept"]


def test_forked_children_have_it(memwhy, tmp_path):
    with waiting(memwhy, find_pythons()[0][0], PINS, tmp_path, "forks") as target:
        skip_without_pins(target)
        for number in range(6):
            dump = target.dump(f"{number}.heap", "--no-scan")
        wait_for(lambda: target.ask("state")["forks"] >= 6, what="forks beside the dumps")
        after = target.ask("state")
    assert after["broken"] == 0 and after["plain"] == 0
    assert facts_of(memwhy, dump)[0]["spared_bytes"] >= 254 * MIB
