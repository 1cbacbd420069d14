# SPDX-License-Identifier: Apache-2.0
"""memwhy tensors and memwhy heap autograd against what Python says of the same tensors and graphs.

With every CPython that has torch; MEMWHY_TORCH_PYTHON names one more."""

import functools
import json
import subprocess

import pytest
from conftest import TARGETS
from heap_dump import view, waiting
from test_heap_tensors import pythons_with_torch

PROGRAM = TARGETS / "torch_graphs.py"
STEPS = ("alone", "forward", "backward", "step")


@pytest.fixture(scope="module")
def targets(memwhy, tmp_path_factory):
    """What each process said of its graphs, its dumps, and at each moment of training its storages."""
    if not pythons_with_torch():
        pytest.skip("no CPython here has torch")
    taken = []
    for python in pythons_with_torch():
        folder = tmp_path_factory.mktemp("torch")
        with waiting(memwhy, python, PROGRAM, folder, options=[]) as target:
            dumps = {
                "plain": target.dump("plain.heap", "--no-scan"),
                "native": target.dump("native.heap", "--no-scan", "--native"),
            }
            moments = []
            for step in STEPS:
                said = target.ask(step)["storages"]
                moments.append((said, target.dump(f"{step}.heap", "--no-scan")))
            live = subprocess.run(
                [memwhy, "tensors", str(target.pid), "--json"],
                capture_output=True,
                text=True,
                timeout=120,
            )
        taken.append((target.said, dumps, moments, live, folder / "s.mwy"))
    return taken


@functools.lru_cache(maxsize=None)
def tensors(memwhy, dump, *options):
    done = subprocess.run(
        [memwhy, "tensors", str(dump), "--json", *options],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def graphs_of(memwhy, dump):
    """By the name that the program has for each; those of nothing else."""
    graphs = {}
    for graph in view(memwhy, "autograd", dump)["graphs"]:
        text = graph["root"]["text"] or ""
        for group in "GRAPHS", "BOTH":
            start = f"__main__.{group}['"
            if text.startswith(start):
                graphs[text[len(start) : text.index("']")]] = graph
    return graphs


@pytest.mark.parametrize("how", ["plain", "native"])
def test_graphs_are_what_a_walk_in_python_finds(memwhy, targets, how):
    for said, dumps, *_ in targets:
        graphs = graphs_of(memwhy, dumps[how])
        assert set(graphs) == set(said["graphs"])
        for name, truth in said["graphs"].items():
            found = graphs[name]
            facts = {
                "nodes": found["nodes"],
                "depth": found["depth"],
                "types": len(found["node_types"]),
            }
            if "bytes" in truth:
                facts.update(tensors=found["saved"]["tensors"], bytes=found["saved"]["bytes"])
            assert facts == truth, name
            assert found["root"]["invisible_to_gc"]
            assert sum(found["node_types"].values()) == found["nodes"]
        assert graphs["packed"]["saved"]["packed"] > 0
        assert graphs["checkpoint"]["saved"]["packed"] > 0


def test_storages_are_torchs_own_count_at_each_moment_of_a_step(memwhy, targets):
    for _, _, moments, _, _ in targets:
        for said, dump in moments:
            document = tensors(memwhy, dump)
            rows = {row["data_ptr"]: row for row in document["storages"] if row["bytes"] != 0}
            missing = set(said) - set(rows)
            assert not missing
            assert {address: rows[address]["bytes"] for address in said} == said
            # What Python's walk has no way to is dark, or behind what only C++ leads to.
            others = [row for address, row in rows.items() if address not in said]
            assert all(row["dark"] for row in others), others
            for address in said:
                assert rows[address]["owner"] is not None
                assert rows[address]["owner"]["text"].startswith("__main__.TRAINING")
            held = sum(row["bytes"] for row in rows.values() if not row["dark"])
            assert held == sum(said.values())


def test_a_tensor_says_what_python_says(memwhy, targets):
    for said, _, moments, live, session in targets:
        document = json.loads(live.stdout)
        assert live.returncode == 0, live.stderr
        rows = {
            row["owner"]["text"]: row for row in document["storages"] if row["owner"] is not None
        }
        heads = [row for row in document["storages"] if row["shape"] == [500, 64]]
        assert len(heads) == 6  # two parameters, and what the optimizer has of each
        head = next(row for row in heads if row["requires_grad"] is not False)
        assert head["dtype"] == "float32"
        assert head["device"] == "cpu"
        # The flags of torch 1.13 lie apart from one another: not known.
        assert head["requires_grad"] is (None if said["torch"].startswith("1.") else True)
        assert head["is_leaf"] is True
        assert head["grad_fn"] is None
        assert head["version"] >= 1
        assert any("__init__" in frame["function"] for frame in head["birth"])
        assert head["born"] > 0
        loss = rows["__main__.TRAINING.loss"]
        assert loss["shape"] == []
        assert loss["grad_fn"] == "NllLossBackward0"
        assert loss["is_leaf"] is False
        assert loss["requires_grad"] is True
        by_line = tensors(memwhy, moments[-1][1], "--session", str(session), "--by", "line")
        lines = {group["name"]: group["bytes"] for group in by_line["groups"]}
        assert sum(lines.values()) == sum(row["bytes"] for row in by_line["storages"])


def test_groups_have_all_bytes(memwhy, targets):
    for _, _, moments, _, _ in targets:
        dump = moments[1][1]
        total = sum(tensors(memwhy, dump)["totals"]["bytes"].values())
        for by in "owner", "dtype", "device":
            groups = tensors(memwhy, dump, "--by", by)["groups"]
            assert sum(group["bytes"] for group in groups) == total
        names = [group["name"] for group in tensors(memwhy, dump, "--by", "owner")["groups"]]
        assert names[0] == "__main__.TRAINING"


def test_text_fits_a_terminal(memwhy, targets):
    for _, dumps, *_ in targets:
        for arguments in (
            ["tensors", dumps["plain"]],
            ["tensors", dumps["plain"], "--by", "owner"],
            ["heap", "autograd", dumps["plain"]],
        ):
            done = subprocess.run(
                [memwhy, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=True
            )
            lines = done.stdout.split("\n")
            assert len(lines) > 5
            assert max(map(len, lines)) <= 80


def test_a_process_without_torch_is_refused(memwhy, tmp_path):
    from conftest import find_pythons

    program = tmp_path / "plain.py"
    program.write_text(
        "import os, sys\nprint('{\"pid\": %d}' % os.getpid(), flush=True)\nsys.stdin.read()\n"
    )
    with waiting(memwhy, find_pythons()[0][-1], program, tmp_path / "run") as target:
        dump = target.dump("d.heap", "--no-scan")
        for arguments in ["tensors", str(target.pid)], ["tensors", str(dump)], ["heap", "autograd"]:
            if arguments[0] == "heap":
                arguments = [*arguments, str(dump)]
            done = subprocess.run(
                [memwhy, *arguments], capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 3
            assert done.stdout == ""
            assert "no tensor of PyTorch" in done.stderr


def test_functions_of_python_have_saved_what_they_say(memwhy, tmp_path):
    """What an earlier owner of a node's memory left behind it is not the node's."""
    for i, python in enumerate(pythons_with_torch()):
        program = TARGETS / "torch_functions.py"
        with waiting(memwhy, python, program, tmp_path / str(i), options=[]) as target:
            dump = target.dump("d.heap", "--no-scan")
        graphs = [
            graph
            for graph in view(memwhy, "autograd", dump)["graphs"]
            if (graph["root"]["text"] or "").startswith("__main__.GRAPHS")
        ]
        assert len(graphs) == target.said["graphs"]
        saved = {(graph["saved"]["tensors"], graph["saved"]["bytes"]) for graph in graphs}
        # twice the input and its square, of 33 numbers each
        assert saved == {(4, 4 * 33 * 4)}
