# SPDX-License-Identifier: Apache-2.0
"""How many requests run at once, as the governor says: memwhy.govern.ConcurrencyCap.

The server makes a page of shared memory; `memwhy govern run` (actuator `cap`) writes a limit and a
lease into it. When the lease ends because the governor has died, the limit is `fallback`. The
layout of the page: src/govern/actuators/cap_page.h of the project.
"""

import mmap
import os
import struct
import threading
import time
from collections import deque
from pathlib import Path

from ._admission import _answer, wait_for_turn

MAGIC = 0x314750504143574D
VERSION = 1
PAGE_BYTES = 4096
SEQUENCE, REVISION, LIMIT, LEASE, FLAGS = range(16, 21)
HEARTBEAT, MAX, RUNNING, WAITING, ACKED, EFFECTIVE, ADMITTED, REFUSED = range(32, 40)
REFUSES, RELEASED = 1, 2
LOOK_SECONDS = 0.05
TRIES = 100


def _start_ticks():
    try:
        text = Path("/proc/self/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


class ConcurrencyCap:
    """At most `max_running` requests at once, or fewer while a governor says so.

    path: the page, best on a tmpfs (/run, /dev/shm); it is removed by close(). `fallback`: the
    limit when a governor dies without giving the limit back (None: max_running). `max_waiting`:
    requests that may wait; what comes beyond is refused, as is all that would wait while the
    governor says that the server is in an emergency. Any thread and any event loop; a child of
    fork makes its own.
    """

    def __init__(self, path, max_running, *, fallback=None, max_waiting=1024):
        if max_running < 1 or max_waiting < 0:
            raise ValueError("max_running is at least 1, max_waiting at least 0")
        self.max_running = max_running
        self.fallback = max_running if fallback is None else fallback
        if not 1 <= self.fallback <= max_running:
            raise ValueError("fallback is from 1 to max_running")
        self.path = os.fspath(path)
        self._max_waiting = max_waiting
        self._lock = threading.Lock()  # guards what follows
        self._waiting = deque()
        self._running = 0
        self._admitted = 0
        self._refused = 0
        self._limit = max_running
        self._refuses = False
        self._page = self._make_page()
        self._is_closed = threading.Event()
        self._look()
        self._thread = threading.Thread(target=self._watch, name="memwhy-cap", daemon=True)
        self._thread.start()

    def _make_page(self):
        temporary = f"{self.path}.{os.getpid()}"
        file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(file, PAGE_BYTES)
            page = mmap.mmap(file, PAGE_BYTES)
            page[:32] = struct.pack("<4Q", MAGIC, VERSION, os.getpid(), _start_ticks())
            self._inode = os.fstat(file).st_ino
            os.rename(temporary, self.path)
        except BaseException:
            os.unlink(temporary)
            raise
        finally:
            os.close(file)
        return page

    def _control(self):
        """(revision, limit, lease, flags) at one instant; None where a writer died in between."""
        for _ in range(TRIES):
            words = struct.unpack_from("<5Q", self._page, SEQUENCE * 8)
            if words[0] % 2 == 0 and words == struct.unpack_from("<5Q", self._page, SEQUENCE * 8):
                return words[1:]
        return None

    def _look(self):
        control = self._control()
        now = time.monotonic_ns()
        revision = 0
        limit, refuses = self.fallback, False
        if control is not None:
            revision, asked, lease, flags = control
            if revision == 0 or flags & RELEASED:
                limit = self.max_running
            elif now < lease:
                limit = max(1, min(asked, self.max_running))
                refuses = bool(flags & REFUSES)
        with self._lock:
            self._limit = limit
            self._refuses = refuses
            turned_away = list(self._waiting) if refuses else []
            for entry in turned_away:
                self._waiting.remove(entry)
                self._refused += 1
                entry["refused"] = True
            self._dispatch()
            struct.pack_into("<8Q", self._page, HEARTBEAT * 8, now, self.max_running, self._running,
                             len(self._waiting), revision, limit, self._admitted, self._refused)
        for entry in turned_away:
            entry["wake"]()

    def _watch(self):
        while not self._is_closed.wait(LOOK_SECONDS):
            self._look()

    def _dispatch(self):
        while self._waiting and self._running < self._limit:
            entry = self._waiting.popleft()
            entry["admitted"] = True
            self._running += 1
            self._admitted += 1
            entry["wake"]()

    def _submit(self, wake):
        from . import govern
        entry = {"wake": wake, "admitted": False, "refused": False}
        with self._lock:
            self._waiting.append(entry)
            self._dispatch()
            beyond = len(self._waiting) > (0 if self._refuses else self._max_waiting)
            if not entry["admitted"] and beyond:
                self._waiting.remove(entry)
                self._refused += 1
                raise self._error(govern, "emergency" if self._refuses else "queue_full")
        return entry

    @staticmethod
    def _error(govern, status):
        error = govern.Refused(status, "the server takes no more requests now")
        error.retry_after = 1
        return error

    def _finish(self, entry):
        """The slot, or Refused; an entry that still waits is taken out."""
        from . import govern
        with self._lock:
            if entry["admitted"]:
                return _Slot(self)
            if entry["refused"]:
                raise self._error(govern, "emergency")
            self._waiting.remove(entry)
            self._refused += 1
            raise self._error(govern, "deadline")

    def _abandon(self, entry):
        with self._lock:
            if entry in self._waiting:
                self._waiting.remove(entry)
            is_ours = entry["admitted"]
        if is_ours:
            self._release()

    def _release(self):
        with self._lock:
            self._running -= 1
            self._dispatch()

    def admit(self, deadline=None):
        """A context manager; the request runs inside of it. Raises Refused after `deadline`."""
        ready = threading.Event()
        entry = self._submit(ready.set)
        try:
            if not entry["admitted"]:
                ready.wait(deadline)
        except BaseException:  # KeyboardInterrupt
            self._abandon(entry)
            raise
        return self._finish(entry)

    async def admit_async(self, deadline=None):
        """admit() for an event loop."""
        entry = await wait_for_turn(self._submit, lambda entry: entry["admitted"], self._abandon,
                                    deadline)
        return self._finish(entry)

    def stats(self):
        with self._lock:
            return {"limit": self._limit, "running": self._running, "waiting": len(self._waiting),
                    "admitted": self._admitted, "refused": self._refused,
                    "refuses": self._refuses}

    def close(self):
        """Removes the page if it is still ours; what runs goes on."""
        self._is_closed.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        try:
            if os.stat(self.path).st_ino == self._inode:
                os.unlink(self.path)
        except FileNotFoundError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _Slot:
    def __init__(self, cap):
        self._cap = cap
        self._is_released = False

    def release(self):
        if not self._is_released:
            self._is_released = True
            self._cap._release()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()


class CapMiddleware:
    """ASGI: each HTTP request runs within the cap. Who is refused gets 503 with Retry-After.

    `governs(scope)`: false for requests that always pass (health checks). `deadline`: seconds that
    a request may wait.
    """

    def __init__(self, app, cap, *, governs=None, deadline=30.0):
        self.app = app
        self.cap = cap
        self.governs = governs
        self.deadline = deadline

    async def __call__(self, scope, receive, send):
        from . import govern
        if scope["type"] != "http" or (self.governs is not None and not self.governs(scope)):
            await self.app(scope, receive, send)
            return
        try:
            slot = await self.cap.admit_async(self.deadline)
        except govern.Refused as error:
            await _answer(send, 503, error.status, error.retry_after)
            return
        with slot:
            await self.app(scope, receive, send)
