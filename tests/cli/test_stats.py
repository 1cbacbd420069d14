# SPDX-License-Identifier: Apache-2.0
"""memwhy stats against targets that count for themselves, to the byte."""

import pytest

from recorded import memwhy, memwhy_json, need_build, record

AMOUNTS = ("live", "allocated", "released", "temporary")


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    return record(tmp_path_factory.mktemp("stats"), "exact_counts", "--ops", "300")


def sites_of(document, entry):
    """The sites of one entry point whose leaf is the function that calls it."""
    return [
        site
        for site in document["sites"]
        if site["allocator"] == entry["allocator"]
        and site["stack"]
        and site["stack"][0]["function"].endswith(entry["site"]["function"])
    ]


def test_counts_agree_with_the_target_to_the_byte(exact):
    session, truth = exact
    document = memwhy_json("stats", session)
    assert document["schema"] == "memwhy.stats/1"
    assert document["session"]["lost_events"] == 0
    for entry in truth["entries"]:
        sites = sites_of(document, entry)
        for amount in ("allocated", "released", "live"):
            for unit in ("bytes", "blocks"):
                counted = sum(site[amount][unit] for site in sites)
                assert counted == entry[amount][unit], (entry["allocator"], amount, unit)


def test_totals_are_the_sums_of_the_sites(exact):
    document = memwhy_json("stats", exact[0])
    for unit in ("bytes", "blocks"):
        for amount in AMOUNTS:
            total = sum(site[amount][unit] for site in document["sites"])
            assert document["totals"][amount][unit] == total
        at_peak = sum(site["at_peak"][unit] for site in document["sites"])
        assert document["totals"]["peak"][unit] == at_peak
    for site in document["sites"]:
        live = site["allocated"]["bytes"] - site["released"]["bytes"]
        assert site["live"]["bytes"] == live


def test_parts_of_the_time_add_up(exact):
    whole = memwhy_json("stats", exact[0])
    middle = whole["session"]["seconds"] / 2
    first = memwhy_json("stats", exact[0], "--to", f"{middle:.6f}")
    last = memwhy_json("stats", exact[0], "--from", f"{middle:.6f}")
    for amount in ("allocated", "released"):
        parts = first["totals"][amount]["bytes"] + last["totals"][amount]["bytes"]
        assert parts == whole["totals"][amount]["bytes"]
    assert last["totals"]["live"] == whole["totals"]["live"]


def test_top_cuts_the_sites_alone(exact):
    whole = memwhy_json("stats", exact[0])
    top = memwhy_json("stats", exact[0], "--top", "2", "--show", "allocated")
    assert len(top["sites"]) == 2
    assert top["totals"] == whole["totals"]
    assert top["sites"][0]["allocated"]["bytes"] == max(
        site["allocated"]["bytes"] for site in whole["sites"]
    )


def test_text_fits_a_terminal(exact):
    text = memwhy("stats", exact[0])
    assert "live at the end" in text
    assert max(map(len, text.splitlines())) <= 80


def test_usage_errors_end_with_2(tmp_path):
    need_build()
    memwhy("stats", tmp_path / "no_such_session", expect=2)
    memwhy("stats", tmp_path, "--show", "everything", expect=2)
