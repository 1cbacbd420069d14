# SPDX-License-Identifier: Apache-2.0
"""`heap growth` on every CPython: its sums are true, a planted leak is named, a stable program is not."""

import json
import os
import signal
import subprocess

import pytest
from conftest import TARGETS, find_pythons, wait_for
from heap_dump import view, waiting

LEAKED = ("__main__.Session", "bytearray", "dict")


def growth(memwhy, pid, *options):
    return subprocess.run(
        [memwhy, "heap", "growth", str(pid), *map(str, options)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def document_of(done):
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "memwhy.heap.growth/1"
    return document


def census(memwhy, pid, *options):
    """Types and pairs of a process that does nothing, by name; both counts agree."""
    document = document_of(growth(memwhy, pid, "--every", 0, "--rounds", 2, "--json", *options))
    assert not [p for p in document["pairs"] if "__main__." in str(p) and p["grows"]]
    types = {t["type"]: (t["objects"][-1], t["shallow"][-1]) for t in document["types"]}
    pairs = {f"{p['referrer']} -> {p['referent']}": p["references"][-1] for p in document["pairs"]}
    return document, types, pairs


@pytest.mark.parametrize("options", [[], ["--in-place"]], ids=["clone", "in_place"])
def test_sums_are_those_of_the_process(memwhy, python, tmp_path, options):
    with waiting(memwhy, python, TARGETS / "heap_growth.py", tmp_path) as target:
        before = target.ask("state")
        descriptors = len(os.listdir(f"/proc/{target.pid}/fd"))
        document, types, pairs = census(memwhy, target.pid, *options)
        dump = target.dump("d.heap", "--no-scan", *options)
        after = target.ask("state")
        assert len(os.listdir(f"/proc/{target.pid}/fd")) == descriptors
        assert not list((tmp_path / "s.mwy").glob("dump.*"))
    assert after == before
    expected = "in_place" if options else "clone"
    assert [r["method"] for r in document["rounds"]] == [expected] * 2
    assert [r["skipped"] for r in document["rounds"]] == [0, 0]

    # What was planted, to the byte.
    truth = {name: tuple(counts) for name, counts in target.said["truth"].items()}
    assert {name: types[name] for name in truth} == truth
    assert {name: pairs.get(name) for name in target.said["pairs"]} == target.said["pairs"]
    # Attributes are the instance's own, or its dict's, by version; the leaf twice of each.
    held = pairs.get("__main__.Plain -> __main__.Leaf", 0)
    assert held in (0, 300)
    assert held + pairs.get("dict -> __main__.Leaf", 0) >= 300
    assert "weakref -> __main__.Leaf" not in pairs

    # All else as a dump of the same process has it.
    rows = {t["type"]: (t["objects"], t["shallow"]) for t in view(memwhy, "types", dump)["types"]}
    own = ("frame", "dict", "tuple", "list", "int", "str")  # the interpreter's work in between
    different = {
        name: (types.get(name), rows.get(name))
        for name in set(rows) | set(types)
        if name not in own and types.get(name, (0, 0)) != rows.get(name, (0, 0))
    }
    assert sum(abs(a[0] - b[0]) for a, b in map(both, different.values())) <= 10, different
    objects = view(memwhy, "types", dump, "--top", "1")["dump"]["objects"]
    assert abs(document["rounds"][-1]["objects"] - objects) <= 50
    if not options:  # in place the dump was, too: the walk is the same
        compare_pairs(memwhy, pairs, dump, tmp_path / "d.heapsnapshot")


def both(counts):
    """Two pairs of numbers, either of which may be missing."""
    return [count or (0, 0) for count in counts]


def compare_pairs(memwhy, pairs, dump, snapshot):
    """Each reference that an exported dump has between two kinds of objects, counted by hand."""
    done = subprocess.run(
        [memwhy, "heap", "export", dump, "-o", snapshot], capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    expected = pairs_of_snapshot(json.loads(snapshot.read_text(encoding="utf-8")))
    compared = 0
    wrong = {}
    for (referrer, referent), references in expected.items():
        compared += references
        counted = pairs.get(f"{referrer} -> {referent}", 0)
        if abs(counted - references) > 3 + 0.002 * references:
            wrong[f"{referrer} -> {referent}"] = (counted, references)
    assert compared > 20_000
    assert not wrong


def pairs_of_snapshot(snapshot):
    """References by the types of both ends, of the objects in a V8 heap snapshot."""
    meta = snapshot["snapshot"]["meta"]
    width, edge_width = len(meta["node_fields"]), len(meta["edge_fields"])
    strings, nodes, edges = snapshot["strings"], snapshot["nodes"], snapshot["edges"]
    name_at = meta["node_fields"].index("name")
    kind_at = meta["node_fields"].index("type")
    count_at = meta["node_fields"].index("edge_count")
    target_at = meta["edge_fields"].index("to_node")
    kinds = meta["node_types"][kind_at]
    edge_kind_at = meta["edge_fields"].index("type")
    label_at = meta["edge_fields"].index("name_or_index")
    edge_kinds = meta["edge_types"][edge_kind_at]
    pairs, at = {}, 0
    for node in range(0, len(nodes), width):
        for _ in range(nodes[node + count_at]):
            target, kind = edges[at + target_at], edge_kinds[edges[at + edge_kind_at]]
            is_own_type = kind == "internal" and strings[edges[at + label_at]] == "type"
            at += edge_width
            if kind == "weak" or is_own_type:
                continue  # of an object's own type there is no reference in a census
            if "synthetic" in (kinds[nodes[node + kind_at]], kinds[nodes[target + kind_at]]):
                continue
            key = (strings[nodes[node + name_at]], strings[nodes[target + name_at]])
            pairs[key] = pairs.get(key, 0) + 1
    return pairs


def test_a_leak_is_named_and_a_stable_program_is_not(memwhy, python, tmp_path):
    check_a_leak(memwhy, python, tmp_path)


def test_a_leak_is_named_in_place(memwhy, any_python, tmp_path):
    check_a_leak(memwhy, any_python, tmp_path, "--in-place")


def check_a_leak(memwhy, python, tmp_path, *options):
    rounds = ["--every", "150ms", "--rounds", 4, "--json", *options]
    path = tmp_path / "grown.heap"
    with waiting(memwhy, python, TARGETS / "heap_growth.py", tmp_path / "run") as target:
        target.ask("work")
        stable = document_of(growth(memwhy, target.pid, *rounds))
        target.ask("leak")
        leaking = document_of(growth(memwhy, target.pid, *rounds, "--dump", path))
        target.ask("stop")
    assert not [t for t in stable["types"] if t["grows"] and t["type"].startswith("__main__.")]
    assert not [p for p in stable["pairs"] if p["grows"] and "__main__." in str(p)]

    assert leaking["grows"]
    types = {t["type"]: t for t in leaking["types"]}
    assert all(types[name]["grows"] for name in LEAKED)
    assert types["__main__.Session"]["score"] > 0
    # Most bytes are in the payloads, then come the dicts; both are held by sessions of the shelf.
    assert leaking["types"][0]["type"] == "bytearray"
    first = leaking["pairs"][0]
    assert (first["referrer"], first["referent"]) == ("__main__.Session", "bytearray")
    sessions = types["__main__.Session"]["objects"]
    # One may stand between being made and being given its payload.
    assert {n - m for n, m in zip(sessions, first["references"])} <= {0, 1}
    assert sessions == sorted(set(sessions))
    assert leaking["slice"][:4] == [
        *("bytearray", "__main__.Session", "__main__.Shelf"),
        *(leaking["slice"][3:4]),
    ]
    assert leaking["dump"] == str(path)
    why = view(memwhy, "why", path, "--type", "__main__.Session")
    assert why["clusters"][0]["signature"] == "__main__.STORE.shelf[*]"


@pytest.fixture(name="any_python")
def any_python_fixture():
    return find_pythons()[0][0]


def start(memwhy, pid, *options):
    process = subprocess.Popen(
        [memwhy, "heap", "growth", str(pid), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    for line in process.stderr:
        said.append(line)
        if "round 2 of" in line:
            return process
    process.communicate()
    # A command that was killed has left a request that somebody must answer first.
    assert "another request is under way" in "".join(said)
    return None


def test_an_interrupt_prints_what_was_counted(memwhy, any_python, tmp_path):
    with waiting(memwhy, any_python, TARGETS / "heap_growth.py", tmp_path) as target:
        process = start(memwhy, target.pid, "--every", "0", "--rounds", "9999")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "of 9999 rounds: interrupted" in out
        early = subprocess.Popen(
            [memwhy, "heap", "growth", str(target.pid), "--every", "1h"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert any("round 1 of" in line for line in early.stderr)
        early.send_signal(signal.SIGINT)
        _, error = early.communicate(timeout=60)
        assert early.returncode == 3 and "after one round" in error


def test_a_process_that_ends_is_said_to_have_ended(memwhy, any_python, tmp_path):
    with waiting(memwhy, any_python, TARGETS / "heap_growth.py", tmp_path) as target:
        process = start(memwhy, target.pid, "--every", "100ms", "--rounds", "9999", "--json")
        target.process.stdin.close()
        out, _ = process.communicate(timeout=60)
    document = json.loads(out)
    assert process.returncode == 0
    assert document["ended"] and document["stopped"] == "the process ended"
    assert len(document["rounds"]) >= 2


def test_errors_and_text(memwhy, any_python, tmp_path):
    done = growth(memwhy, os.getpid())
    assert done.returncode == 3 and "does not have memwhy's agent" in done.stderr
    for options in (["--rounds", "1"], ["--every", "soon"]):
        assert growth(memwhy, os.getpid(), *options).returncode == 2
    with waiting(memwhy, any_python, TARGETS / "heap_growth.py", tmp_path) as target:
        refused = growth(memwhy, target.pid, "--max-pause", "0.0001")
        assert refused.returncode == 3 and "--max-pause" in refused.stderr
        path = tmp_path / "none.heap"
        done = growth(memwhy, target.pid, "--every", "0", "--rounds", "3", "--dump", path)
        assert not path.exists() and "No dump was written: nothing grew" in done.stdout
        assert done.returncode == 0 and "pause: about" in done.stderr
        assert done.stderr.count("memwhy: round ") == 3
        target.ask("leak")
        leaking = growth(memwhy, target.pid, "--every", "250ms", "--rounds", "3")
        target.ask("stop")
    assert "No type and no kind of reference grew" in done.stdout
    assert "Retained by: bytearray <- __main__.Session <- __main__.Shelf" in leaking.stdout
    assert f"  memwhy heap dump {target.pid} -o d.heap\n" in leaking.stdout
    assert "  memwhy heap why d.heap --type __main__.Session\n" in leaking.stdout
    assert all(len(line) <= 80 for line in (done.stdout + leaking.stdout).splitlines())


def test_a_killed_command_leaves_the_target_alone(memwhy, any_python, tmp_path):
    with waiting(memwhy, any_python, TARGETS / "heap_growth.py", tmp_path) as target:
        before = target.ask("state")
        for options in ([], ["--in-place"]):
            for _ in range(3):
                process = wait_for(
                    lambda: start(memwhy, target.pid, "--every", "0", "--rounds", "9999", *options),
                    what="census",
                )
                process.kill()
                process.communicate()
        wait_for(lambda: target.ask("state") == before, what="collector as before")
        wait_for(
            lambda: growth(memwhy, target.pid, "--every", 0, "--rounds", 2).returncode == 0,
            what="census",
        )
        _, types, _ = census(memwhy, target.pid)
        assert types["__main__.Leaf"][0] == 300
