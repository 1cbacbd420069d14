# SPDX-License-Identifier: Apache-2.0
"""Programs whose memory is known: the finding names what keeps it, the share is right, and the
remedy gives back what was predicted. All run at the same time: they rest most of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cli"))
from memwhy_program import MEMWHY, python, require_agent  # noqa: E402

TARGET = ROOT / "tests" / "targets" / "known_memory.py"
MIB = 1 << 20
# Of which finding, by which share of the ledger, and what the program has released, at least.
KNOWN = {
    "holes": ("glibc.retained", "malloc retained", 105 * MIB),
    "threads": ("glibc.arena_spread", "malloc retained", 110 * MIB),
    "pinned": ("glibc.pinned_top", "malloc retained", 100 * MIB),
    "pymalloc": ("pymalloc.fragmented", "pymalloc free in arenas", 120 * MIB),
    "calm": (None, None, 0),
}


@pytest.fixture(scope="module")
def diagnoses(tmp_path_factory):
    require_agent()
    folder = tmp_path_factory.mktemp("known")
    running = {}
    for kind in KNOWN:
        running[kind] = subprocess.Popen(
            [MEMWHY, "diagnose", "--for", "19", "--json", folder / f"{kind}.json", "-o",
             folder / f"{kind}.mwy", "--", python(), TARGET, kind, folder / f"{kind}.truth"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    results = {}
    for kind, process in running.items():
        _, errors = process.communicate(timeout=120)
        assert (folder / f"{kind}.json").exists(), errors
        results[kind] = (json.loads((folder / f"{kind}.json").read_text()),
                         json.loads((folder / f"{kind}.truth").read_text()))
    return results


def evidence_of(finding, part):
    (value,) = [each["value"] for each in finding["evidence"] if part in each["says"]]
    return value


def last_share(document, name):
    ledger = [each for each in document["ledgers"] if each["account"] == "rss"][-1]
    return sum(share["bytes"] for share in ledger["shares"] if share["name"] == name)


@pytest.mark.parametrize("kind", [kind for kind in KNOWN if kind != "calm"])
def test_what_keeps_released_memory_is_named(diagnoses, kind):
    document, _ = diagnoses[kind]
    rule, share, least = KNOWN[kind]
    assert [finding["id"] for finding in document["findings"]] == [rule]
    finding = document["findings"][0]
    assert document["verdict"] == "retained"
    assert finding["severity"] == "info"  # no line of the program is to blame
    assert finding["bytes_at_stake"] >= least
    assert abs(last_share(document, share) - finding["bytes_at_stake"]) <= max(
        MIB, 0.1 * finding["bytes_at_stake"])
    assert finding["prediction"] and finding["fix"]


@pytest.mark.parametrize("kind", ["holes", "threads", "pinned"])
def test_the_remedy_gives_back_what_was_predicted(diagnoses, kind):
    document, truth = diagnoses[kind]
    predicted = evidence_of(document["findings"][0], "malloc_trim(0) gives back")
    returned = truth["before"] - truth["after"]
    assert returned >= 90 * MIB
    assert abs(predicted - returned) <= max(MIB, 0.02 * returned)


def test_trim_does_not_help_where_pymalloc_is_fragmented(diagnoses):
    document, truth = diagnoses["pymalloc"]
    assert truth["before"] - truth["after"] < MIB
    assert "gives back nothing" in document["findings"][0]["prediction"]


def test_the_block_that_pins_a_heap_is_named_with_its_line(diagnoses):
    document, _ = diagnoses["pinned"]
    where = document["findings"][0]["who_allocated"]
    assert where["file"].endswith("known_memory.py")
    assert "remember_last" in [frame["function"].split(".")[-1] for frame in where["stack"]]


def test_a_calm_program_keeps_nothing_worth_a_finding(diagnoses):
    document, _ = diagnoses["calm"]
    assert document["findings"] == []
