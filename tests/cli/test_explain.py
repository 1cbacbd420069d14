# SPDX-License-Identifier: Apache-2.0
"""memwhy explain: ledgers balance to the byte, for sessions and for live processes."""

import subprocess
import sys

import pytest

from recorded import memwhy, memwhy_json, need_build, record

LAYERS = {"python", "framework", "extension", "interpreter", "native", "device", "system"}


def assert_balanced(document):
    assert document["schema"] == "memwhy.ledger/1"
    for ledger in document["ledgers"]:
        shares = sum(share["bytes"] for share in ledger["shares"])
        assert shares + ledger["unattributed"] == ledger["total"]
        for share in ledger["shares"]:
            assert share["layer"] in LAYERS
            assert 0 <= share["owned"] <= share["bytes"]


@pytest.fixture(scope="module")
def growing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    return record(folder, "list_append_bytes", "--ops", "300", "--rate", "100")[0]


def test_session_balances_and_most_is_named(growing):
    document = memwhy_json("explain", growing)
    assert_balanced(document)
    rss = [ledger for ledger in document["ledgers"] if ledger["account"] == "rss"][-1]
    assert abs(rss["unattributed"]) <= rss["total"] // 50
    names = {share["name"]: share for share in rss["shares"]}
    assert names["memwhy"]["owned"] == names["memwhy"]["bytes"]


def test_text_fits_a_terminal(growing):
    text = memwhy("explain", growing)
    assert "unattributed" in text
    table = [line for line in text.splitlines() if "told apart" not in line]
    assert max(map(len, table)) <= 80


def test_session_says_how_rss_went(growing):
    document = memwhy_json("explain", growing)
    (growth,) = document["growth"]
    assert growth["account"] == "rss" and 0 <= growth["confidence"] <= 1
    assert growth["shape"] in {"plateau", "linear", "step", "saturating", "sawtooth", "ratchet",
                               "falling"}
    assert document["age_seconds"] is None
    assert f": {growth['shape']}" in memwhy("explain", growing)


def test_live_process_balances_without_an_agent():
    need_build()
    script = "import sys; keep = bytearray(b'x') * 5_000_000; print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdout.readline()
        document = memwhy_json("explain", str(child.pid))
        child.stdin.close()
    assert_balanced(document)
    assert document["session"]["mode"] == "live"
    assert document["ledgers"][0]["total"] > 5_000_000


def test_process_that_is_gone_ends_with_3():
    need_build()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    memwhy("explain", str(child.pid), expect=3)
