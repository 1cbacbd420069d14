# SPDX-License-Identifier: Apache-2.0
"""memwhy heap why --address: from a tensor to its pages, with every CPython that has torch."""

import json
import subprocess

import pytest
from conftest import TARGETS
from heap_dump import waiting
from test_heap_tensors import pythons_with_torch

LINKS = ["Python object", "TensorImpl", "StorageImpl", "memory"]


def run(memwhy, *arguments):
    return subprocess.run(
        [memwhy, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


def chain(memwhy, dump, address):
    done = run(memwhy, "heap", "why", dump, "--address", address, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def link(document, name):
    return next(link for link in document["links"] if link["link"] == name)


@pytest.fixture(scope="module")
def targets(memwhy, tmp_path_factory):
    """Of each Python: its dump, the rows of memwhy tensors, the chains taken while it lived."""
    if not pythons_with_torch():
        pytest.skip("no CPython here has torch")
    taken = []
    for python in pythons_with_torch():
        folder = tmp_path_factory.mktemp("chain")
        with waiting(memwhy, python, TARGETS / "torch_graphs.py", folder, options=[]) as target:
            target.ask("alone")
            storages = target.ask("forward")["storages"]
            dump = target.dump("d.heap", "--no-scan")
            rows = json.loads(run(memwhy, "tensors", dump, "--json").stdout)["storages"]
            heads = [row for row in rows if row["shape"] == [500, 64] and row["owner"]]
            alive = [chain(memwhy, dump, row["data_ptr"]) for row in heads]
        taken.append((dump, storages, alive))
    return taken


def test_each_link_leads_to_the_same_memory(memwhy, targets):
    for dump, storages, alive in targets:
        assert alive
        for document in alive:
            assert document["schema"] == "memwhy.heap.chain/1"
            assert [link["link"] for link in document["links"]] == LINKS
            assert document["bytes"] == 500 * 64 * 4
            assert document["data_ptr"] in storages
            assert document["owner"].startswith("__main__.TRAINING")
            for one in document["links"]:
                again = chain(memwhy, dump, one["address"])
                assert again["data_ptr"] == document["data_ptr"]


def test_block_and_pages_are_those_of_the_process(targets):
    for _, _, alive in targets:
        for document in alive:
            memory = document["memory"]
            assert memory["why_unknown"] is None
            # posix_memalign rounds up by less than a page
            assert document["bytes"] <= memory["usable"] <= document["bytes"] + 4096
            assert memory["home"] in ("the main arena", "a mapping of its own")
            assert memory["pages"] in (32, 33)  # 128,000 bytes
            assert memory["resident"] + memory["swapped"] == memory["pages"]


def test_who_refers_to_a_link_is_told(targets):
    for _, _, alive in targets:
        for document in alive:
            tensor = link(document, "TensorImpl")
            names = {referrer["name"] for referrer in tensor["referrers"]}
            assert any("TRAINING" in name for name in names), names
            assert tensor["waits_for"].startswith("its Python object")
            assert link(document, "memory")["waits_for"] == "its storage"
        # Backward needs the weight: the graph of the loss saved it, as itself or as a view.
        referrers = [
            referrer
            for document in alive
            for one in document["links"]
            for referrer in one["referrers"]
        ]
        assert any(referrer["native"] for referrer in referrers)


def test_of_a_process_that_ended_the_rest_is_unknown(memwhy, targets):
    for dump, _, alive in targets:
        document = chain(memwhy, dump, alive[0]["data_ptr"])
        assert document["memory"]["usable"] is None and document["memory"]["resident"] is None
        assert "has ended" in document["memory"]["why_unknown"]
        text = run(memwhy, "heap", "why", dump, "--address", alive[0]["data_ptr"]).stdout
        assert max(len(line) for line in text.splitlines()) <= 80
        assert "waits for its storage" in text and "has ended" in text


def test_bad_addresses_are_usage_errors(memwhy, targets):
    dump = targets[0][0]
    for options in (["--address", "0x1"], ["--address", "here"], [],
                    ["--address", "0x1", "--type", "dict"]):
        done = run(memwhy, "heap", "why", dump, *options)
        assert done.returncode == 2 and done.stdout == ""
