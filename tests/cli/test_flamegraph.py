# SPDX-License-Identifier: Apache-2.0
"""memwhy flamegraph: the tree's sums, and a page that asks nobody for anything."""

import pytest

from recorded import memwhy, memwhy_json, record


@pytest.fixture(scope="module")
def growing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flamegraph")
    return record(folder, "list_append_bytes", "--ops", "100", "--rate", "0")[0]


def test_tree_agrees_with_stats(growing):
    for show, total in (("live", "live"), ("peak", "peak"), ("allocated", "allocated")):
        document = memwhy_json("flamegraph", growing, "--show", show)
        nodes = document["nodes"]
        totals = memwhy_json("stats", growing)["totals"]
        assert nodes[0]["value"] == totals[total]["bytes"]
        sums = [node["self"] for node in nodes]
        for index in range(len(nodes) - 1, 0, -1):
            assert nodes[index]["parent"] < index
            sums[nodes[index]["parent"]] += nodes[index]["value"]
        assert sums == [node["value"] for node in nodes]


def test_json_writes_no_file(growing):
    before = sorted(growing.parent.iterdir())
    memwhy_json("flamegraph", growing)
    assert sorted(growing.parent.iterdir()) == before


def test_page_is_self_contained(growing, tmp_path):
    page = tmp_path / "graph.html"
    assert memwhy("flamegraph", growing, "-o", page).strip() == str(page)
    html = page.read_text()
    assert "default-src 'none'" in html
    assert "http://" not in html and "https://" not in html
    assert html.count("</script>") == 2


def test_part_of_the_time_has_a_baseline(growing):
    document = memwhy_json("flamegraph", growing, "--from", "0.1")
    assert document["nodes"][0]["baseline"] is not None
    whole = memwhy_json("flamegraph", growing)
    assert whole["nodes"][0]["baseline"] is None
