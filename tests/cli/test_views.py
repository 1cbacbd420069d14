# SPDX-License-Identifier: Apache-2.0
"""memwhy table, tree and diff: their sums are those of memwhy stats, to the byte."""

import json
import subprocess

import pytest

from recorded import MEMWHY, memwhy, memwhy_json, record

SHOWS = ("live", "peak", "allocated", "temporary")
ALLOCATED = 100_033  # bytes per operation of the target


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return record(folder, "list_append_bytes", "--ops", "100", "--rate", "0")[0]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    return record(folder, "list_append_bytes", "--ops", "150", "--rate", "0")[0]


def total_of(session, show, *arguments):
    total = memwhy_json("stats", session, *arguments)["totals"][show]
    return {"bytes": total["bytes"], "blocks": total["blocks"]}


def sum_of(rows, field):
    return {unit: sum(row[field][unit] for row in rows) for unit in ("bytes", "blocks")}


def check_tree(nodes, value, own):
    """Every node is its own amount and its children's."""
    sums = [dict(node[own]) for node in nodes]
    for index in range(len(nodes) - 1, 0, -1):
        parent = nodes[index]["parent"]
        assert parent < index
        for unit in ("bytes", "blocks"):
            sums[parent][unit] += nodes[index][value][unit]
    assert sums == [node[value] for node in nodes]


@pytest.mark.parametrize("show", SHOWS)
def test_all_views_agree_to_the_byte(small, show):
    total = total_of(small, show)
    assert total["bytes"] > 0
    for by in ("stack", "module", "thread", "process"):
        table = memwhy_json("table", small, "--by", by, "--show", show)
        assert table["schema"] == "memwhy.table/1"
        assert table["totals"]["value"] == total
        assert sum_of(table["rows"], "value") == total, by
    for arguments in ((), ("--inverted",), ("--top", "7")):
        tree = memwhy_json("tree", small, "--show", show, *arguments)
        assert tree["schema"] == "memwhy.tree/1"
        assert tree["nodes"][0]["value"] == total, arguments
        check_tree(tree["nodes"], "value", "self")


def test_top_leaves_a_rest(small):
    table = memwhy_json("table", small, "--top", "3")
    assert len(table["rows"]) == 3
    assert sum_of([*table["rows"], table["rest"]], "value") == table["totals"]["value"]


def test_a_part_of_the_time_has_a_baseline(small):
    middle = memwhy_json("stats", small)["session"]["seconds"] * 0.9
    before = total_of(small, "live", "--to", f"{middle:.6f}")
    table = memwhy_json("table", small, "--from", f"{middle:.6f}")
    assert table["totals"]["baseline"] == before
    assert sum_of(table["rows"], "baseline") == before
    tree = memwhy_json("tree", small, "--from", f"{middle:.6f}")
    assert tree["nodes"][0]["baseline"] == before
    check_tree(tree["nodes"], "baseline", "self_baseline")
    assert memwhy_json("table", small)["totals"]["baseline"] is None


@pytest.mark.parametrize("show", SHOWS)
def test_diff_has_the_totals_of_both(small, large, show):
    before, after = total_of(small, show), total_of(large, show)
    for by in ("stack", "module", "thread"):
        diff = memwhy_json("diff", small, large, "--show", show, "--by", by)
        assert diff["schema"] == "memwhy.diff/1"
        assert sum_of(diff["rows"], "baseline") == before, by
        assert sum_of(diff["rows"], "value") == after, by
        assert diff["nodes"][0]["baseline"] == before
        assert diff["nodes"][0]["value"] == after
        assert diff["totals"]["delta"]["bytes"] == after["bytes"] - before["bytes"]
    check_tree(diff["nodes"], "value", "self")
    check_tree(diff["nodes"], "baseline", "self_baseline")


def test_diff_names_the_line_that_grew(small, large):
    diff = memwhy_json("diff", small, large, "--show", "allocated")
    first = diff["rows"][0]
    assert first["stack"][0]["function"] == "handle"
    assert first["change"] == "grown"
    # The list's own array is taken by the same line; it grows by steps.
    assert 0 <= first["delta"]["bytes"] - 50 * ALLOCATED < ALLOCATED


def test_diff_with_itself_is_empty(small):
    diff = memwhy_json("diff", small, small)
    assert diff["comparable"] and diff["warnings"] == []
    assert {row["change"] for row in diff["rows"]} == {"same"}
    assert "nothing changed" in memwhy("diff", small, small)


def test_diff_warns_where_durations_differ(small):
    short = subprocess.run(
        [str(MEMWHY), "diff", str(small), str(small), "--json"], capture_output=True, text=True
    )
    assert "not comparable" not in short.stderr
    slow = record(small.parent, "exact_counts", "--ops", "3000")[0]
    done = subprocess.run(
        [str(MEMWHY), "diff", str(small), str(slow), "--json"], capture_output=True, text=True
    )
    diff = json.loads(done.stdout)
    seconds = [diff[key]["to"] for key in ("baseline_range", "range")]
    differ = abs(seconds[0] - seconds[1]) > 0.2 * max(seconds)
    assert (not diff["comparable"]) == differ
    assert ("not comparable: the baseline covers" in done.stderr) == differ


def test_diff_page_asks_nobody(small, large, tmp_path):
    page = tmp_path / "diff.html"
    assert memwhy("diff", small, large, "-o", page).strip() == str(page)
    html = page.read_text()
    assert "default-src 'none'" in html
    assert "http://" not in html and "https://" not in html
    assert html.count("</script>") == 2
    assert "+ grown" in html


def test_text_fits_a_terminal(small, large):
    for arguments in (
        ("table", small),
        ("table", small, "--by", "process", "--from", "0.1"),
        ("tree", small, "--top", "200"),
        ("tree", small, "--inverted", "--from", "0.1"),
        ("diff", small, large),
    ):
        text = memwhy(*arguments)
        assert max(map(len, text.splitlines())) <= 80, arguments


def test_usage_errors_end_with_2(small, tmp_path):
    memwhy("table", tmp_path / "none", expect=2)
    memwhy("tree", tmp_path / "none", expect=2)
    memwhy("diff", small, tmp_path / "none", expect=2)
    memwhy("diff", small, small, "--by", "process", expect=2)
