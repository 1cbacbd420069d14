# SPDX-License-Identifier: Apache-2.0
"""Who may begin a request, and who waits: memwhy.govern.Gate and AdmissionMiddleware.

The gate reserves blocks for prompt and answer before a request begins, so that what has begun is
never stopped for lack of them. Who waits is admitted in the order of virtual token counters (Sheng
et al., "Fairness in Serving Large Language Models", 2024): each tenant has a counter of the tokens
that it was served, divided by its weight; the tenant with the smallest one goes next, and a tenant
that comes back is lifted to the smallest of those that are active, so that idling saves nothing up.
"""

import asyncio
import json
import math
import threading
import time
from collections import deque

OUTPUT_PRICE = 2  # of a generated token; one of the prompt costs 1 (as in the paper)
SAMPLES = 256  # answers that a prediction looks back on
FEWEST_SAMPLES = 8  # below it, max_tokens is the prediction
QUANTILE = 0.75
SMOOTHING = 0.2  # weight of the newest interval between two releases


async def wait_for_turn(submit, is_admitted, abandon, deadline):
    """What submit(wake) gave, once wake() is called, from any thread, or `deadline` seconds are
    over. It is abandoned if the task is cancelled meanwhile."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()

    def wake():
        try:
            loop.call_soon_threadsafe(ready.set)
        except RuntimeError:  # the loop is closed: nobody waits
            pass

    entry = submit(wake)
    try:
        if not is_admitted(entry):
            await asyncio.wait_for(ready.wait(), deadline)
    except asyncio.TimeoutError:
        pass
    except BaseException:  # CancelledError
        abandon(entry)
        raise
    return entry


class _Queue:
    """What the gate knows of one tenant. The gate's lock guards it."""

    def __init__(self, weight):
        self.weight = weight
        self.counter = 0.0
        self.waiting = deque()
        self.running = 0
        self.answers = deque(maxlen=SAMPLES)
        self.interval = 1.0  # seconds between releases
        self.last_release = None

    def is_active(self):
        return bool(self.waiting) or self.running > 0

    def predicted(self, max_tokens):
        if len(self.answers) < FEWEST_SAMPLES:
            return max_tokens
        ordered = sorted(self.answers)
        return min(max_tokens, ordered[min(len(ordered) - 1, int(QUANTILE * len(ordered)))])


class _Entry:
    def __init__(self, tenant, tokens, blocks, wake):
        self.tenant = tenant
        self.tokens = tokens
        self.blocks = blocks
        self.wake = wake
        self.ticket = None
        self.error = None


class Ticket:
    """A request that has begun. A context manager; release() may be called twice.

    `blocks` are those that alloc() gave, and are freed with the ticket. Add what was generated to
    `output_tokens`: it is charged at the end, and later predictions follow it. One thread at a
    time.
    """

    def __init__(self, gate, tenant, reservation, reserved):
        self._gate = gate
        self._reservation = reservation
        self._reserved = reserved
        self._is_released = False
        self.tenant = tenant
        self.output_tokens = 0
        self.blocks = []

    def alloc(self, n):
        """n blocks, of the reserved ones first; beyond them as pool.alloc, with its errors."""
        pool = self._gate.pool
        promised = min(n, self._reserved)
        blocks = []
        if n > promised:
            blocks = pool.alloc(n - promised, self.tenant)
        if promised:
            blocks += pool.alloc(promised, self.tenant, self._reservation)
            self._reserved -= promised
        self.blocks += blocks
        return blocks

    def release(self):
        if self._is_released:
            return
        self._is_released = True
        self._gate._release(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()


class Gate:
    """Admits requests to a BlockPool.

    tenants are added to the pool. `weights`: name to weight, 1 for the others. `block_tokens`:
    tokens of a block. `max_queue`: requests of one tenant that may wait; what comes beyond is
    refused at once. Any thread and any event loop.
    """

    def __init__(self, pool, tenants=(), *, weights=None, block_tokens=16, max_queue=256,
                 clock=time.monotonic):
        weights = dict(weights or {})
        if block_tokens < 1 or max_queue < 0:
            raise ValueError("block_tokens is at least 1, max_queue at least 0")
        if any(not weight > 0 for weight in weights.values()):
            raise ValueError("a weight is greater than 0")
        self.pool = pool
        self._block_tokens = block_tokens
        self._max_queue = max_queue
        self._clock = clock
        self._lock = threading.RLock()
        self._queues = {"default": _Queue(weights.get("default", 1))}
        for tenant in tenants:
            pool.add_tenant(tenant)
            self._queues[tenant.name] = _Queue(weights.get(tenant.name, 1))
        unknown = weights.keys() - self._queues.keys()
        if unknown:
            raise ValueError(f"a weight for a tenant that is none: {sorted(unknown)}")

    def admit(self, tenant, tokens, max_tokens=0, deadline=None):
        """A Ticket for a prompt of `tokens` and an answer of at most `max_tokens`.

        Waits for `deadline` seconds at most (None: without an end, 0: not at all). Raises Refused
        with `retry_after` in seconds: queue_full, deadline, too_large.
        """
        ready = threading.Event()
        entry = self._submit(tenant, tokens, max_tokens, deadline, ready.set)
        try:
            ready.wait(deadline)
        except BaseException:  # KeyboardInterrupt
            self._abandon(entry)
            raise
        return self._finish(entry)

    async def admit_async(self, tenant, tokens, max_tokens=0, deadline=None):
        """admit() for an event loop."""
        entry = await wait_for_turn(
            lambda wake: self._submit(tenant, tokens, max_tokens, deadline, wake),
            lambda entry: entry.ticket is not None, self._abandon, deadline)
        return self._finish(entry)

    def stats(self):
        """By tenant: waiting, running, counter (virtual tokens)."""
        with self._lock:
            return {name: {"waiting": len(queue.waiting), "running": queue.running,
                           "counter": queue.counter} for name, queue in self._queues.items()}

    def poke(self):
        """Looks again whether somebody may begin, after blocks were freed without a ticket."""
        with self._lock:
            self._dispatch()

    def _submit(self, tenant, tokens, max_tokens, deadline, wake):
        from . import govern
        name = getattr(tenant, "name", tenant)
        if tokens < 0 or max_tokens < 0:
            raise ValueError("tokens and max_tokens are at least 0")
        with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                raise govern.Misuse("unknown_tenant", f"the gate has no tenant {name!r}")
            blocks = max(1, -(-(tokens + queue.predicted(max_tokens)) // self._block_tokens))
            if blocks > self._ceiling(name):
                raise self._refused(queue, "too_large", "the request needs more blocks than the "
                                    "tenant may ever hold", None)
            if not queue.is_active():
                active = [other.counter for other in self._queues.values() if other.is_active()]
                if active:
                    queue.counter = max(queue.counter, min(active))
            entry = _Entry(name, tokens, blocks, wake)
            queue.waiting.append(entry)
            self._dispatch()
            if entry.ticket is None and len(queue.waiting) > self._max_queue and deadline != 0:
                queue.waiting.remove(entry)
                raise self._refused(queue, "queue_full", f"{len(queue.waiting)} requests of the "
                                    "tenant wait already", len(queue.waiting) + 1)
            return entry

    def _finish(self, entry):
        with self._lock:
            if entry.ticket is not None:
                return entry.ticket
            queue = self._queues[entry.tenant]
            place = queue.waiting.index(entry) + 1
            self._drop(entry)
            raise self._refused(queue, "deadline", "the request was not admitted in time", place)

    def _abandon(self, entry):
        with self._lock:
            self._drop(entry)
            if entry.ticket is not None:
                entry.ticket.release()

    def _drop(self, entry):
        if entry.ticket is None and entry in self._queues[entry.tenant].waiting:
            self._queues[entry.tenant].waiting.remove(entry)
            self._dispatch()

    def _refused(self, queue, status, text, place):
        from . import govern
        error = govern.Refused(status, text)
        # Each release lets about one request in.
        error.retry_after = None if place is None else max(1, math.ceil(queue.interval * place))
        return error

    def _account(self, name):
        state = self.pool.stats()
        return state, next(one for one in state["tenants"] if one["name"] == name)

    def _unused_quota(self, name):
        _, account = self._account(name)
        return account["quota"] - account["held"] - account["reserved"]

    def _ceiling(self, name):
        state, account = self._account(name)
        room = max(0, state["blocks"] - account["quota"])
        borrow = room if account["borrow"] is None else min(account["borrow"], room)
        return account["quota"] + borrow

    def _dispatch(self):
        from . import govern
        stuck = set()  # tenants whose first request cannot begin now
        is_full = False
        while True:
            ready = [(queue.counter, name) for name, queue in self._queues.items()
                     if queue.waiting and name not in stuck]
            if not ready:
                return
            name = min(ready)[1]
            queue = self._queues[name]
            entry = queue.waiting[0]
            # Somebody waits for blocks of the pool: who comes later does not borrow them, or small
            # requests would keep a large one waiting for ever. Its own quota everybody may use.
            if is_full and entry.blocks > self._unused_quota(name):
                stuck.add(name)
                continue
            try:
                self.pool.begin_request(name)
                try:
                    reservation = self.pool.reserve(entry.blocks, name)
                except govern.PoolError:
                    self.pool.end_request(name)
                    raise
            except govern.PoolError as error:
                # The others are limits of this tenant's own.
                is_full = is_full or isinstance(error, govern.PoolExhausted)
                stuck.add(name)
                continue
            queue.waiting.popleft()
            queue.running += 1
            queue.counter += entry.tokens / queue.weight
            entry.ticket = Ticket(self, name, reservation, entry.blocks)
            entry.wake()

    def _release(self, ticket):
        with self._lock:
            queue = self._queues[ticket.tenant]
            if ticket._reserved:
                self.pool.cancel(ticket._reservation)
            self.pool.end_request(ticket.tenant)
            queue.running -= 1
            queue.counter += OUTPUT_PRICE * ticket.output_tokens / queue.weight
            queue.answers.append(ticket.output_tokens)
            now = self._clock()
            if queue.last_release is not None:
                queue.interval += SMOOTHING * (now - queue.last_release - queue.interval)
            queue.last_release = now
            try:
                if ticket.blocks:
                    self.pool.free(ticket.blocks)  # Misuse if the caller has freed some of them
            finally:
                self._dispatch()


class AdmissionMiddleware:
    """ASGI: lets an HTTP request in when the gate does, for FastAPI, Starlette and others.

    classify(scope) gives (tenant, tokens, max_tokens, deadline), or None for a request that needs
    no ticket. The ticket is scope["memwhy.ticket"] and ends with the response. Who is refused gets
    429 with Retry-After, 413 if the request is too large, 403 if the tenant is unknown.
    """

    def __init__(self, app, gate, classify):
        self.app = app
        self.gate = gate
        self.classify = classify

    async def __call__(self, scope, receive, send):
        from . import govern
        wanted = self.classify(scope) if scope["type"] == "http" else None
        if wanted is None:
            await self.app(scope, receive, send)
            return
        try:
            ticket = await self.gate.admit_async(*wanted)
        except govern.Refused as error:
            code = 413 if error.status == "too_large" else 429
            await _answer(send, code, error.status, error.retry_after)
            return
        except govern.Misuse as error:
            await _answer(send, 403, error.status, None)
            return
        try:
            await self.app({**scope, "memwhy.ticket": ticket}, receive, send)
        finally:
            ticket.release()


async def _answer(send, code, status, retry_after):
    body = json.dumps({"error": status, "retry_after": retry_after}).encode()
    headers = [(b"content-type", b"application/json"),
               (b"content-length", str(len(body)).encode())]
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
