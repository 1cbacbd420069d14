# SPDX-License-Identifier: Apache-2.0
"""memwhy.govern.ConcurrencyCap: limits, leases and refusals, with the governor's words by hand."""

import asyncio
import os
import struct
import threading
import time
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parent.parent.parent
os.environ.setdefault("MEMWHY_GOVERN_MODULE",
                      str(TREE / "build" / "release" / "lib" / "_memwhy_govern.abi3.so"))

from memwhy.govern import CapMiddleware, ConcurrencyCap, Refused  # noqa: E402

SECOND = 10**9


@pytest.fixture
def cap(tmp_path):
    with ConcurrencyCap(tmp_path / "page", 4, fallback=2, max_waiting=8) as made:
        yield made
    assert not (tmp_path / "page").exists()


def govern(cap, limit, lease_s, flags=0):
    """Writes as the governor does, and waits until the server has seen it."""
    with open(cap.path, "r+b", buffering=0) as page:
        page.seek(16 * 8)
        sequence, revision = struct.unpack("<2Q", page.read(16))
        page.seek(16 * 8)
        page.write(struct.pack("<6Q", sequence + 2, revision + 1, limit,
                               time.monotonic_ns() + int(lease_s * SECOND), flags, 1))

        def acked():
            page.seek(36 * 8)
            return struct.unpack("<Q", page.read(8))[0] == revision + 1

        wait_for(acked)


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_limit_is_obeyed_and_raised_again(cap):
    govern(cap, 1, 60)
    with cap.admit():
        with pytest.raises(Refused) as refused:
            cap.admit(deadline=0.05)
        assert refused.value.status == "deadline"
        begun = threading.Event()

        def second():
            with cap.admit(deadline=30):
                begun.set()

        thread = threading.Thread(target=second)
        thread.start()
        wait_for(lambda: cap.stats()["waiting"] == 1)
        govern(cap, 2, 60)
        assert begun.wait(30)
        thread.join()
    assert cap.stats()["running"] == 0


def test_what_runs_is_not_stopped_by_a_lower_limit(cap):
    slots = [cap.admit() for _ in range(4)]
    govern(cap, 1, 60)
    assert cap.stats()["running"] == 4
    for slot in slots[:3]:
        slot.release()
        slot.release()
    with pytest.raises(Refused):
        cap.admit(deadline=0)
    slots[3].release()
    cap.admit(deadline=0).release()


def test_lease_that_ends_means_fallback_and_release_the_maximum(cap):
    assert cap.stats()["limit"] == 4
    govern(cap, 1, 0)
    wait_for(lambda: cap.stats()["limit"] == 2)
    govern(cap, 1, 60)
    assert cap.stats()["limit"] == 1
    govern(cap, 1, 0, flags=2)
    assert cap.stats()["limit"] == 4


def test_emergency_turns_away_who_waits(cap):
    govern(cap, 1, 60)
    errors = []

    def waiting():
        try:
            cap.admit(deadline=60)
        except Refused as error:
            errors.append(error.status)

    with cap.admit():
        thread = threading.Thread(target=waiting)
        thread.start()
        wait_for(lambda: cap.stats()["waiting"] == 1)
        govern(cap, 1, 60, flags=1)
        thread.join(30)
        assert errors == ["emergency"]
        with pytest.raises(Refused):
            cap.admit(deadline=60)
    cap.admit(deadline=60).release()  # a slot is free


def test_limit_of_nonsense_is_bounded(cap):
    govern(cap, 2**63, 60)
    assert cap.stats()["limit"] == 4
    govern(cap, 0, 60)
    assert cap.stats()["limit"] == 1


def test_middleware_answers_503(cap):
    govern(cap, 1, 60)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def drive():
        sent = []

        async def send(message):
            sent.append(message)

        wrapped = CapMiddleware(app, cap, deadline=0.05, governs=lambda s: s["path"] != "/health")
        with cap.admit():
            await wrapped({"type": "http", "path": "/"}, None, send)
            await wrapped({"type": "http", "path": "/health"}, None, send)
        await wrapped({"type": "http", "path": "/"}, None, send)
        return [m for m in sent if m["type"] == "http.response.start"]

    refused, health, passed = asyncio.run(drive())
    assert refused["status"] == 503
    assert (b"retry-after", b"1") in refused["headers"]
    assert health["status"] == passed["status"] == 200
    assert cap.stats()["running"] == 0


def test_cancelled_waiter_leaves_no_trace(cap):
    govern(cap, 1, 60)

    async def drive():
        with cap.admit():
            task = asyncio.create_task(cap.admit_async())
            await asyncio.sleep(0.01)
            assert cap.stats()["waiting"] == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(drive())
    assert cap.stats()["waiting"] == cap.stats()["running"] == 0
