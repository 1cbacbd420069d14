# SPDX-License-Identifier: Apache-2.0
"""Exports of heap dumps, opened with the readers that people use: VisualVM and Chrome DevTools.

Each object must be there with its type, size and references, and the retained sizes that the
reader computes must be those of our dominator tree over the sizes that it shows.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import BUILD, TARGETS
from heap_dump import view, waiting

HERE = Path(__file__).resolve().parent / "heap_exports"
READERS = Path(os.environ.get("MEMWHY_HEAP_READERS", Path.home() / ".cache/memwhy/heap_readers"))
HEAPS = ["small", "random1", "random40", "random300", "random5000"]


@pytest.fixture(scope="module")
def heaps(tmp_path_factory):
    """The folder with each heap as NAME.json, NAME.hprof and NAME.heapsnapshot."""
    program = BUILD / "bin" / "heap_exports"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    folder = tmp_path_factory.mktemp("heaps")
    subprocess.run([program, folder], check=True, timeout=60)
    return folder


def reader_of(name, program):
    """The reader's file; skips the test with the reason why it is not there."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program}")
    if (READERS / name).exists():
        return READERS / name
    log = READERS / (Path(name).stem + ".log")
    reason = log.read_text().strip().splitlines()[-1:] if log.exists() else []
    pytest.skip(f"scripts/fetch_heap_readers has not brought {name}: {''.join(reason)}")


def read(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def retained(objects, sizes):
    """By object, over the dominator tree; None for what no root reaches."""
    children = {}
    for position, one in enumerate(objects):
        if one["dominator"] is not None:
            children.setdefault(one["dominator"], []).append(position)
    order, waiting = [], list(children.get(-1, []))
    while waiting:
        position = waiting.pop()
        order.append(position)
        waiting += children.get(position, [])
    result = [None] * len(objects)
    for position in reversed(order):
        below = sum(result[child] for child in children.get(position, []))
        result[position] = sizes[position] + below
    return result


@pytest.mark.parametrize("name", HEAPS)
def test_visualvm_opens_hprof(heaps, name):
    jar = reader_of("visualvm.jar", "java")
    objects = json.loads((heaps / f"{name}.json").read_text())
    seen = read(
        ["java", "-Xmx512m", f"-Djava.io.tmpdir={heaps}", "-cp", jar, HERE / "ReadHprof.java",
         heaps / f"{name}.hprof"]
    )  # fmt: skip
    by_id = {one["id"]: one for one in seen["objects"]}
    assert len(by_id) == len(seen["objects"]) == len(objects)
    mine = [by_id[one["address"]] for one in objects]
    for one, other in zip(objects, mine):
        assert other["class"] == {"[[[": "_[[[", "a/b/c": "a|b|c"}.get(one["type"], one["type"])
        expected = Counter(objects[target]["address"] for target in one["targets"])
        assert Counter(target for _, target in other["references"]) == expected, one
        if name == "small" and one["type"] != "buffer":
            assert abs(other["size"] - one["bytes"]) <= 12, one
    for one, other, expected in zip(
        objects, mine, retained(objects, [other["size"] for other in mine])
    ):
        if expected is not None:
            assert other["retained"] == expected, one


def test_visualvm_sees_the_names_and_kinds(heaps):
    jar = reader_of("visualvm.jar", "java")
    seen = read(
        ["java", "-Xmx512m", f"-Djava.io.tmpdir={heaps}", "-cp", jar, HERE / "ReadHprof.java",
         heaps / "small.hprof"]
    )  # fmt: skip
    by_class = {one["class"]: one for one in seen["objects"]}
    assert sorted(name for name, _ in by_class["app.Store"]["references"]) == ["items", "name"]
    hostile = by_class['quote"back\\slash']
    names = [name for name, _ in hostile["references"]]
    assert 'quote"back\\slash' in names and "nul\0behind" in names and "\U0001f40d" in names
    kinds = Counter(kind for kind, _ in seen["roots"])
    assert kinds == {
        "sticky class": 12, "Java frame": 2, "native stack": 1, "thread block": 1, "JNI global": 4
    }  # fmt: skip


@pytest.mark.parametrize("name", HEAPS)
def test_devtools_opens_the_snapshot(heaps, name):
    folder = reader_of("devtools", "node")
    objects = json.loads((heaps / f"{name}.json").read_text())
    seen = read(["node", HERE / "read_snapshot.mjs", folder, heaps / f"{name}.heapsnapshot"])
    nodes = seen["nodes"]
    first = len(nodes) - len(objects)
    mine = nodes[first:]
    for one, other in zip(objects, mine):
        assert other["name"] == one["type"]
        assert other["size"] == min(one["bytes"], 2**32 - 1)
        strong = [target - first for kind, _, target in other["edges"] if kind != "weak"]
        assert strong == one["targets"], one
        if not one["type"].startswith("<"):
            assert other["class"] == one["type"]
    for one, other, expected in zip(
        objects, mine, retained(objects, [other["size"] for other in mine])
    ):
        if expected is not None:
            assert other["retained"] == expected, one
            assert 3 <= other["distance"] < 100_000_000, one
    assert seen["total"] == sum(other["size"] for other in mine)


def test_devtools_sees_the_names(heaps):
    folder = reader_of("devtools", "node")
    seen = read(["node", HERE / "read_snapshot.mjs", folder, heaps / "small.heapsnapshot"])
    by_name = {node["name"]: node for node in seen["nodes"] if node["type"] != "synthetic"}
    edges = {kind: name for kind, name, _ in by_name["set"]["edges"]}
    assert edges == {"hidden": "1", "weak": "weak"}
    assert [name for _, name, _ in by_name["dict"]["edges"]] == ["key", "store", "key", "-5"]
    hostile = [name for _, name, _ in by_name['quote"back\\slash']["edges"]]
    assert 'quote"back\\slash' in hostile and "nul\0behind" in hostile
    assert "\ufffd\ufffd\ufffd alone" in hostile and ']}],"strings":[' in hostile


def export(memwhy, dump, output, *options):
    return subprocess.run(
        [memwhy, "heap", "export", str(dump), "-o", str(output), *options],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_a_live_process_opens_in_both(memwhy, tmp_path):
    jar, folder = reader_of("visualvm.jar", "java"), reader_of("devtools", "node")
    program = TARGETS / "heap_population.py"
    with waiting(memwhy, SimpleNamespace(path=sys.executable), program, tmp_path) as target:
        dump = target.dump()
    for name in ("x.hprof", "x.heapsnapshot"):
        done = export(memwhy, dump, tmp_path / name)
        assert done.returncode == 0 and name in done.stdout, done.stderr
    types = {row["type"]: row for row in view(memwhy, "types", dump)["types"]}

    seen = read(["node", HERE / "read_snapshot.mjs", folder, tmp_path / "x.heapsnapshot"])
    nodes = [node for node in seen["nodes"] if node["type"] == "object"]
    assert Counter(node["name"] for node in nodes) == {
        name: row["objects"] for name, row in types.items()
    }
    for name, row in types.items():
        assert sum(node["size"] for node in nodes if node["name"] == name) == row["shallow"], name
    kept = {(node["name"], node["retained"]) for node in nodes}
    for row in view(memwhy, "retained", dump, "--top", 20)["dominators"]:
        assert (row["type"], sum(row["retained"].values())) in kept, row

    seen = read(
        ["java", "-Xmx512m", f"-Djava.io.tmpdir={tmp_path}", "-cp", jar, HERE / "ReadHprof.java",
         tmp_path / "x.hprof"]
    )  # fmt: skip
    classes = Counter(one["class"] for one in seen["objects"] if one["class"] != "buffer")
    assert classes == {name: row["objects"] for name, row in types.items()}
    shown = sum(one["size"] for one in seen["objects"] if one["class"] != "buffer")
    own = sum(row["shallow"] for row in types.values())
    assert abs(shown - own) <= 0.05 * own


def test_an_export_needs_a_format_and_a_dump(memwhy, tmp_path):
    done = export(memwhy, tmp_path / "no.heap", tmp_path / "x.txt")
    assert done.returncode == 2 and "--format" in done.stderr
    done = export(memwhy, tmp_path / "no.heap", tmp_path / "x.hprof")
    assert done.returncode == 2 and "no.heap" in done.stderr
    assert not (tmp_path / "x.hprof").exists()
