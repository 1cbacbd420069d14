# SPDX-License-Identifier: Apache-2.0
"""memwhy gclog reads what every CPython here writes: compared with what the collector says itself
(gc.callbacks, or what gc.collect() returns)."""

import glob
import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from conftest import TARGETS, clean_environment, find_pythons

TARGET = TARGETS / "gc_talk.py"
# Logs of these are read, too; their text is recorded where no interpreter is at hand.
OLD_VERSIONS = ("2.7", "3.4", "3.5", "3.6", "3.7")


def interpreters():
    """(version, path) of every CPython here that memwhy's other tests run, and of older ones."""
    found, missing = find_pythons()
    cases = {}
    for python in found:
        cases.setdefault(python.version, python.path)
    for version in OLD_VERSIONS:
        paths = sorted(glob.glob(f"{Path.home()}/.pyenv/versions/{version}.*/bin/python"))
        for path in paths:
            cases.setdefault(Path(path).parents[1].name, path)
    params = [pytest.param(path, id=version) for version, path in sorted(cases.items())]
    params += [
        pytest.param(None, id=version, marks=pytest.mark.skip(f"no CPython {version} found"))
        for version in missing
    ]
    return params


every_python = pytest.mark.parametrize("path", interpreters())


def version_of(path):
    code = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    text = subprocess.run([path, "-c", code], capture_output=True, text=True, timeout=60).stdout
    return tuple(map(int, text.strip().split(".")))


def start(path, truth, log, count, *flags):
    return subprocess.Popen(
        [path, str(TARGET), str(truth), str(count), *flags], stderr=log, env=clean_environment()
    )


def finish(process):
    assert process.wait(timeout=120) == 0


def read_log(memwhy, log, *options):
    done = subprocess.run(
        [memwhy, "gclog", str(log), "--json", *options], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pairs(document):
    return [
        [c["generation"], None if c["collected"] is None else c["collected"] + c["uncollectable"]]
        for c in document["collections"]
    ]


def is_unfinished(version):
    """3.14.0 to 3.14.4 may write no "gc: done"."""
    return (3, 14, 0) <= version < (3, 14, 5)


def exits_of(version):
    """How often an interpreter collects while it ends."""
    return 1 if version[0] == 2 else 2 if version < (3, 10) else 3


def forms_of(version):
    """What may be told of the text of this version."""
    if version[0] == 2:
        return {"2.7"}
    if version < (3, 7):
        return {"3.4-3.6"}
    if version < (3, 8):
        return {"3.7"}
    return {"3.8+", "3.14.0-3.14.4"} if is_unfinished(version) else {"3.8+"}


@every_python
@pytest.mark.parametrize("flags", [(), ("DEBUG_COLLECTABLE",)], ids=["stats", "objects"])
def test_collections_are_those_of_the_collector(path, flags, memwhy, tmp_path):
    version = version_of(path)
    truth_file, log = tmp_path / "truth", tmp_path / "gc.log"
    if flags and version[0] == 2:
        flags += ("DEBUG_OBJECTS", "DEBUG_INSTANCES")
    with log.open("wb") as file:
        finish(start(path, truth_file, file, 60, *flags))
    truth = json.loads(truth_file.read_text())["collections"]
    assert len(truth) >= 60
    document = read_log(memwhy, log)
    assert document["unparsed"] == 0
    assert document["other_lines"] == 2
    assert {c["python"] for c in document["collections"]} <= forms_of(version)
    found = pairs(document)
    assert [pair[0] for pair in found] == [pair[0] for pair in truth]
    if all(pair[1] is None for pair in found):
        assert is_unfinished(version)
    else:
        assert found == truth
    assert not any(c["ambiguous"] or c["shutdown"] for c in document["collections"])
    assert all(len(c["before"]) == 3 for c in document["collections"])
    assert [c["permanent"] is None for c in document["collections"]] == [
        version < (3, 7)
    ] * len(truth)

    # The exit is told apart, and kept on request.
    assert document["shutdown"]["collections"] == exits_of(version)
    kept = read_log(memwhy, log, "--keep-shutdown")
    last = [c for c in kept["collections"] if c["shutdown"]]
    assert len(last) == document["shutdown"]["collections"]
    assert len(kept["collections"]) == len(truth) + len(last)
    assert {c["generation"] for c in last} == {2}

    # Every object line, with its collection.
    raw = log.read_bytes()
    assert len(kept["objects"]) == raw.count(b"gc: collectable <")
    if not flags:
        return
    assert document["shutdown"]["objects"] == len(kept["objects"]) - len(document["objects"])
    assert document["shutdown"]["objects"] > 0
    listed = Counter(thing["collection"] for thing in document["objects"])
    numbered = [(c["number"], pair[1]) for c, pair in zip(document["collections"], truth)]
    assert listed == {number: count for number, count in numbered if count}
    nodes = [thing for thing in document["objects"] if thing["type"].endswith("Node")]
    assert len(nodes) >= 300 if version[0] == 3 else len(nodes) >= 100
    assert all(thing["address"].startswith("0x") for thing in nodes)


@every_python
def test_two_processes_may_write_one_file(path, memwhy, tmp_path):
    log = tmp_path / "gc.log"
    with log.open("ab") as file:
        processes = [start(path, tmp_path / f"truth{i}", file, 400) for i in range(2)]
        for process in processes:
            finish(process)
    truth = []
    for i in range(2):
        truth += json.loads((tmp_path / f"truth{i}").read_text())["collections"]
    document = read_log(memwhy, log, "--keep-shutdown")
    found = Counter(c["generation"] for c in document["collections"])
    wanted = Counter(pair[0] for pair in truth)
    wanted[2] += 2 * exits_of(version_of(path))
    assert found == wanted
    # What the exits found nobody has noted; the last collections are theirs.
    assert document["totals"]["without_end"] == 0
    # 2.7 writes each number by itself: those of two processes cannot be told apart.
    assert document["unparsed"] == 0 or version_of(path)[0] == 2


@every_python
def test_prefixes_of_a_supervisor_tell_processes_apart(path, memwhy, tmp_path):
    version = version_of(path)
    logs, truths = [], []
    for i in range(2):
        log = tmp_path / f"gc{i}.log"
        with log.open("wb") as file:
            finish(start(path, tmp_path / f"truth{i}", file, 50))
        logs.append(log.read_text().splitlines())
        truths.append(json.loads((tmp_path / f"truth{i}").read_text())["collections"])
    merged = tmp_path / "merged.log"
    with merged.open("w") as file:
        for number in range(max(map(len, logs))):
            for i, lines in enumerate(logs):
                if number < len(lines):
                    second = f"{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}"
                    file.write(f"2026-11-25T{second}.{i}Z app[{100 + i}]: {lines[number]}\n")
    document = read_log(memwhy, merged)
    assert [writer["prefix"] for writer in document["writers"]] == ["@ app[100]:", "@ app[101]:"]
    for i, prefix in enumerate(("@ app[100]:", "@ app[101]:")):
        mine = [c for c in document["collections"] if c["writer"] == prefix]
        assert not any(c["ambiguous"] for c in mine)
        assert [c["generation"] for c in mine] == [pair[0] for pair in truths[i]]
        if not is_unfinished(version):
            assert pairs({"collections": mine}) == truths[i]
    assert document["covered_seconds"] > 0
