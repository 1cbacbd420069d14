# SPDX-License-Identifier: Apache-2.0
"""The four variants of the demo service: two are to be blamed, two are not."""

import os
import random

import pytest

from diagnosis import FINDING, NOTHING_TO_BLAME, TRUTH, diagnose, diagnose_service


def assert_ledgers_balance(findings):
    for ledger in findings["ledgers"]:
        shares = sum(share["bytes"] for share in ledger["shares"])
        assert shares + ledger["unattributed"] == ledger["total"]
        assert all(0 <= share["owned"] <= share["bytes"] for share in ledger["shares"])


@pytest.mark.parametrize("variant", ["cache", "graph"])
def test_a_growing_variant_is_named_with_line_holder_and_bytes(tmp_path, variant):
    expected = TRUTH[variant]
    diagnosis = diagnose_service(tmp_path, variant, 24)
    assert diagnosis.code == FINDING
    assert diagnosis.verdict in expected["verdict"]
    first = diagnosis.first()
    assert first["kind"] == expected["kind"], diagnosis.text
    assert first["confidence"] == "proven"
    maker = first["who_allocated"]
    assert maker["file"].endswith(expected["allocates"]["file"])
    assert maker["line"] == expected["allocates"]["line"]
    assert expected["allocates"]["callable"] in maker["callable"]
    path = "".join(first["who_holds"]["path"])
    for name in expected["holder"]["names"]:
        assert name in path, path
    assert first["who_holds"]["root"] == expected["holder"]["root"]
    per_request = first["growth_bytes_per_operation"]
    assert abs(per_request / expected["bytes_per_request"] - 1) < expected["tolerance"]
    # One cause, one finding.
    assert len(diagnosis.blamed()) == 1, diagnosis.text
    assert_ledgers_balance(diagnosis.findings)
    rss = [one for one in diagnosis.findings["ledgers"] if one["account"] == "rss"][-1]
    assert abs(rss["unattributed"]) <= 0.02 * rss["total"]
    assert sum(share["owned"] for share in rss["shares"]) >= 0.8 * rss["total"]
    # A command to copy stays in one line, however long it is.
    prose = [line for line in diagnosis.text.splitlines() if not line.startswith("  memwhy ")]
    assert not [line for line in prose if len(line) > 80]


# Each live run is replayed with five windows; the full set makes 10 live runs and 50 replays.
RUNS = range(10 if os.environ.get("MEMWHY_FULL_TESTS") == "1" else 1)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("variant", ["healthy", "warmup"])
def test_a_healthy_variant_blames_nobody_live_and_in_replays(tmp_path, variant, run):
    session = tmp_path / "session.mwy"
    diagnosis = diagnose_service(tmp_path, variant, 40, session)
    assert diagnosis.code == NOTHING_TO_BLAME, diagnosis.text
    assert diagnosis.verdict in TRUTH[variant]["verdict"], diagnosis.text
    assert not diagnosis.blamed()
    assert_ledgers_balance(diagnosis.findings)
    chance = random.Random(f"{variant} {run}")
    for _ in range(5):
        begin = chance.uniform(0, 20)
        end = chance.uniform(begin + 8, 40)
        replay = diagnose(tmp_path, session, "--from", begin, "--to", end)
        assert not replay.blamed(), f"window {begin} to {end}: {replay.text}"
