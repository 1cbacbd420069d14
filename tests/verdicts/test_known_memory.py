# SPDX-License-Identifier: Apache-2.0
"""Programs whose memory is known: the finding names what keeps it, the share is right, and the
remedy gives back what was predicted. All run at the same time: they rest most of it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cli"))
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from memory_cgroup import MemoryCgroup  # noqa: E402
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
# What grows outside of the heap: the finding, and the kind of object that it names.
OUTSIDE = {
    "native_threads": ("threads.runaway", "thread"),
    "sockets": ("fd_or_map.leak", "socket"),
    "segments": ("cgroup.shm_tmpfs", "shared memory"),
}
LIMIT = 200 * MIB


@pytest.fixture(scope="module")
def diagnoses(tmp_path_factory):
    require_agent()
    folder = tmp_path_factory.mktemp("known")
    running = {}
    for kind in [*KNOWN, *OUTSIDE]:
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


@pytest.mark.parametrize("kind", OUTSIDE)
def test_what_grows_outside_of_the_heap_is_named(diagnoses, kind):
    document, _ = diagnoses[kind]
    if kind == "segments" and not any(check["id"] == "cgroup.shm_tmpfs" and
                                      check["result"] != "could_not"
                                      for check in document["checks"]):
        pytest.skip("no memory cgroup hierarchy is mounted")
    rule, what = OUTSIDE[kind]
    assert document["verdict"] == "growing"
    findings = {finding["id"]: finding for finding in document["findings"]
                if finding["severity"] != "info"}
    assert rule in findings, document["summary"]
    assert findings[rule]["what"]["type"] == what
    assert findings[rule]["kind"] == "os_object"


def in_cgroup(limit, kind, folder, *, killer=None):
    """Diagnoses a program that grows in a cgroup of its own. Returns the document."""
    try:
        cgroup = MemoryCgroup(limit)
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made: {error}")
    with cgroup:
        move = f'echo $$ > {cgroup.procs}; exec "$@"'
        process = subprocess.Popen(
            [MEMWHY, "diagnose", "--json", folder / "d.json", "-o",
             folder / "d.mwy", "--", "/bin/sh", "-c", move, "sh", python(), TARGET, kind,
             folder / "truth"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if killer is not None:
            killer(cgroup)
        _, errors = process.communicate(timeout=120)
    assert (folder / "d.json").exists(), errors
    return json.loads((folder / "d.json").read_text())


def test_an_oom_kill_is_told_with_the_line_that_led_to_it(tmp_path):
    require_agent()
    document = in_cgroup(LIMIT, "grows", tmp_path)
    assert document["session"]["ended"] == "oom"
    findings = {finding["id"]: finding for finding in document["findings"]}
    assert "oom.memcg" in findings, document["summary"]
    assert "killed by the kernel for lack of memory" in document["summary"]
    growth = findings["py.container_growth"]
    assert growth["who_allocated"]["callable"].endswith("one_more")
    assert growth["who_holds"]["holder"].endswith("kept")


def test_a_kill_by_hand_is_not_called_oom(tmp_path):
    require_agent()

    def kill(cgroup):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.2)
            charged = cgroup.charged()
            if charged > 60 * MIB:
                break
        for pid in cgroup.pids():
            os.kill(pid, signal.SIGKILL)

    document = in_cgroup(2 * LIMIT, "grows", tmp_path, killer=kill)
    assert document["session"]["ended"] == "signal:9"
    assert "kill.not_memory" in [finding["id"] for finding in document["findings"]]
    assert "oom.memcg" not in [finding["id"] for finding in document["findings"]]
