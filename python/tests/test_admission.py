# SPDX-License-Identifier: Apache-2.0
"""memwhy.govern.Gate: who begins, who waits, who is refused; and behind a real server."""

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import memwhy

PACKAGE_ROOT = Path(memwhy.__file__).resolve().parent.parent
TREE = Path(__file__).resolve().parent.parent.parent
os.environ.setdefault("MEMWHY_GOVERN_MODULE",
                      str(TREE / "build" / "release" / "lib" / "_memwhy_govern.abi3.so"))

from memwhy.govern import BlockPool, Gate, Misuse, Refused, Tenant  # noqa: E402


def made(blocks=100, **options):
    pool = BlockPool(blocks)
    gate = Gate(pool, [Tenant("prod", quota_blocks=60, max_requests=4, hard=1.0),
                       Tenant("staging", quota_blocks=20, max_requests=2, hard=1.0)], **options)
    return pool, gate


def refusal(call):
    with pytest.raises(Refused) as refused:
        call()
    return refused.value


def test_a_ticket_holds_what_it_may_need():
    pool, gate = made()
    with gate.admit("prod", 100, 60) as ticket:
        assert pool.stats()["reserved"] == 10
        assert len(ticket.alloc(7)) == 7 and pool.stats()["reserved"] == 3
        assert len(ticket.alloc(5)) == 5 and pool.stats()["held"] == 12
    assert pool.stats()["held"] == pool.stats()["reserved"] == 0
    assert gate.stats()["prod"]["running"] == 0
    ticket.release()
    pool.verify()


def test_blocks_freed_by_hand_are_an_error_and_end_the_ticket():
    pool, gate = made()
    ticket = gate.admit("prod", 16)
    pool.free(ticket.alloc(1))
    with pytest.raises(Misuse):
        ticket.release()
    ticket.release()
    assert gate.stats()["prod"]["running"] == 0
    assert pool.stats()["tenants"][1]["requests"] == 0


def test_small_requests_do_not_starve_a_large_one():
    pool = BlockPool(10)
    gate = Gate(pool, [Tenant("small", quota_blocks=0, borrow_blocks=10),
                       Tenant("large", quota_blocks=0, borrow_blocks=10),
                       Tenant("own", quota_blocks=2, hard=1.0)])
    first = gate.admit("small", 4 * 16)
    thread = threading.Thread(target=lambda: gate.admit("large", 8 * 16).release())
    thread.start()
    while gate.stats()["large"]["waiting"] == 0:
        time.sleep(0.001)
    refusal(lambda: gate.admit("small", 4 * 16, deadline=0))  # would fit
    gate.admit("own", 2 * 16, deadline=0).release()  # its own quota
    first.release()
    thread.join(20)
    assert not thread.is_alive()


def test_who_cannot_begin_is_refused_by_name():
    _, gate = made(max_queue=1)
    held = [gate.admit("staging", 16) for _ in range(2)]
    error = refusal(lambda: gate.admit("staging", 16, deadline=0))
    assert error.status == "deadline" and error.retry_after >= 1
    waiter = threading.Thread(target=lambda: gate.admit("staging", 16).release())
    waiter.start()
    while gate.stats()["staging"]["waiting"] == 0:
        time.sleep(0.001)
    assert refusal(lambda: gate.admit("staging", 16)).status == "queue_full"
    assert gate.stats()["staging"]["waiting"] == 1
    error = refusal(lambda: gate.admit("staging", 21 * 16))
    assert error.status == "too_large" and error.retry_after is None
    with pytest.raises(Misuse):
        gate.admit("nobody", 1)
    held[0].release()
    waiter.join(20)
    assert not waiter.is_alive()
    held[1].release()
    assert gate.stats()["staging"] == {"waiting": 0, "running": 0, "counter": 48.0}


def test_a_flood_of_one_tenant_does_not_stop_another():
    _, gate = made()
    flood = [gate.admit("staging", 160) for _ in range(2)]
    refusal(lambda: gate.admit("staging", 160, deadline=0))
    with gate.admit("prod", 60 * 16, deadline=0):
        pass
    for ticket in flood:
        ticket.release()


def served(weights, requests=400):
    """Tokens served to two tenants that both always wait, one request at a time."""

    async def run():
        pool = BlockPool(10)
        gate = Gate(pool, [Tenant("a", quota_blocks=0, borrow_blocks=10),
                           Tenant("b", quota_blocks=0, borrow_blocks=10)],
                    weights=weights, max_queue=10 * requests)
        totals = {"a": 0, "b": 0}
        done = asyncio.Event()

        async def client(tenant, output):
            while not done.is_set():
                ticket = await gate.admit_async(tenant, 16 * 4, 16 * 6)
                await asyncio.sleep(0)
                ticket.output_tokens = output
                totals[tenant] += 64 + 2 * output
                ticket.release()
                if sum(totals.values()) > requests * 100:
                    done.set()

        await asyncio.gather(*[client("a", 10) for _ in range(6)],
                             *[client("b", 90) for _ in range(2)])
        pool.verify()
        return totals

    return asyncio.run(run())


def test_order_is_fair_by_tokens_and_weight():
    even = served({})
    assert 0.9 < even["a"] / even["b"] < 1.1
    weighted = served({"a": 3})
    assert 2.6 < weighted["a"] / weighted["b"] < 3.4


def test_idling_saves_nothing_up():
    _, gate = made()
    for _ in range(50):
        gate.admit("prod", 160).release()
    running = gate.admit("prod", 16)
    gate.admit("staging", 16).release()
    assert gate.stats()["staging"]["counter"] >= gate.stats()["prod"]["counter"]
    running.release()


def test_predictions_follow_the_tenants_answers():
    pool, gate = made()
    for length in range(1, 21):
        with gate.admit("prod", 16, 800) as ticket:
            ticket.output_tokens = length
    with gate.admit("prod", 16, 800):
        assert pool.stats()["reserved"] == 2  # 16 and the third quartile of 1 to 20
    with gate.admit("prod", 16, 0):
        assert pool.stats()["reserved"] == 1


def test_a_cancelled_wait_leaves_nothing():
    pool, gate = made()

    async def run():
        held = [gate.admit("staging", 16) for _ in range(2)]
        task = asyncio.create_task(gate.admit_async("staging", 16))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        error = None
        try:
            await gate.admit_async("staging", 16, deadline=0.01)
        except Refused as refused:
            error = refused
        assert error.status == "deadline"
        for ticket in held:
            ticket.release()

    asyncio.run(run())
    assert gate.stats()["staging"]["waiting"] == 0 and pool.stats()["reserved"] == 0


SERVER = """
import asyncio, sys
from memwhy.govern import AdmissionMiddleware, BlockPool, Gate, Tenant
pool = BlockPool(100)
gate = Gate(pool, [Tenant("prod", quota_blocks=60, max_requests=48),
                   Tenant("staging", quota_blocks=20, max_requests=1)], max_queue=2)
async def answer(scope, receive, send):
    ticket = scope["memwhy.ticket"]
    ticket.alloc(1)
    await asyncio.sleep(0.15)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": ticket.tenant.encode()})
def classify(scope):
    headers = dict(scope["headers"])
    return headers[b"tenant"].decode(), int(headers.get(b"tokens", b"16")), 16, 10
import uvicorn
uvicorn.run(AdmissionMiddleware(answer, gate, classify), fd=int(sys.argv[1]),
            log_level="error", lifespan="off")
"""


def ask(port, tenant, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/", headers={"tenant": tenant, **headers})
        response = connection.getresponse()
        return response.status, response.getheader("retry-after"), response.read()
    finally:
        connection.close()


def test_behind_uvicorn():
    pytest.importorskip("uvicorn")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        port = listening.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(listening.fileno())],
            pass_fds=[listening.fileno()], stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)})
    try:
        assert ask(port, "prod") == (200, None, b"prod")
        answers = []
        flood = [threading.Thread(target=lambda: answers.append(ask(port, "staging")))
                 for _ in range(8)]
        for thread in flood:
            thread.start()
        assert ask(port, "prod")[0] == 200
        for thread in flood:
            thread.join()
        codes = sorted(code for code, _, _ in answers)
        assert codes.count(200) >= 3 and codes.count(429) >= 1 and len(codes) == 8
        for code, retry_after, body in answers:
            if code == 429:
                assert int(retry_after) >= 1 and json.loads(body)["error"] == "queue_full"
        assert ask(port, "nobody")[0] == 403
        assert ask(port, "staging", tokens="100000")[0] == 413
        assert ask(port, "staging")[0] == 200
    finally:
        server.terminate()
        _, errors = server.communicate(timeout=20)
    assert "Traceback" not in errors, errors
