# SPDX-License-Identifier: Apache-2.0
"""Services that are dumped again and again while they serve: no request is lost, nothing stays.

Short in the usual run: few dumps on each CPython, some more on one. MEMWHY_FULL_TESTS=1: 100 everywhere.
"""

import http.client
import itertools
import json
import os
import statistics
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import FULL, find_pythons
from heap_dump import needs_two_lanes, view, waiting

HERE = Path(__file__).parent / "heap"
CLIENTS = 4
MANY = 100
SOME, FEW = (MANY, MANY) if FULL else (20, 3)


class Clients:
    """Threads that ask all the time and check each answer; the first wrong one ends them all."""

    def __init__(self, port, paths=("work",), keeps_connection=True):
        self.port = port
        self.paths = paths
        self.keeps_connection = keeps_connection
        self.sent = self.answered = 0
        self.errors = []
        self.pids = set()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads), "a request hangs"

    def _ask_on(self):
        connection, asked = None, 0
        while not self._stop.is_set() and not self.errors:
            number = next(self._numbers)
            path = self.paths[0] if number % 10 else self.paths[-1]
            with self._lock:
                self.sent += 1
            try:
                connection = connection or self._connect()
                said = get(connection, f"/{path}/{number}")
                self._check(path, number, said)
            except (OSError, http.client.HTTPException, ValueError, AssertionError) as error:
                self.errors.append(f"/{path}/{number}: {error!r}")
                break
            with self._lock:
                self.answered += 1
                self.pids.add(said.get("pid"))
            asked += 1
            if not self.keeps_connection or asked % 50 == 0:  # new connections while it is dumped
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def _check(self, path, number, said):
        assert said["number"] == number
        if path == "work":
            assert said["sum"] == sum(range(number % 1000))
            assert said["text"] == "x" * (number % 2000)
        else:
            assert said["wrong"] is None, said["wrong"]


def get(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200
    return json.loads(body)


def ask_once(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        return get(connection, path)
    finally:
        connection.close()


def outside(pid):
    """What the system knows of a process and a dump must not change."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    descriptors = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            descriptors[name] = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue  # closed meanwhile
    return {
        "descriptors": {k: v for k, v in descriptors.items() if not v.startswith("socket:")},
        "children": children,
        "threads": len(os.listdir(f"/proc/{pid}/task")),
        "shared memory": sorted(line.split(None, 5)[-1] for line in maps if line.split()[1][3] == "s"),
        "signals": signals_of(pid),
    }


def signals_of(pid):
    """Sets of signals, without the two that glibc takes for itself with the first thread."""
    glibc = 3 << 31
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":") for line in lines if line.startswith("Sig"))
    return {name: int(found[name], 16) & ~glibc for name in ("SigBlk", "SigIgn", "SigCgt")}


def take_dumps(memwhy, target, pids, count):
    """Dumps the processes by turns; returns the facts of each dump."""
    path = target.folder / "d.heap"
    found = []
    for i in range(count):
        pid = pids[i % len(pids)]
        options = [] if i % 2 else ["--no-scan"]
        done = subprocess.run(
            [memwhy, "heap", "dump", str(pid), "-o", str(path), *options],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, (i, done.stderr)
        facts = view(memwhy, "types", path, "--top", "1")["dump"]
        assert facts["complete"] and facts["objects"] > 40000, facts
        # What was freed just now may still look like an object that nothing leads to.
        assert sum(reason["count"] for reason in facts["skipped"]) <= 2, facts
        found.append({**facts, "of": pid})
    return found


def tell(kind, clients, dumps):
    pauses = [dump["pause_ms"] for dump in dumps]
    shares = [dump["predicted_pause_ms"] / dump["pause_ms"] for dump in dumps]
    print(
        f"{kind}: {len(dumps)} dumps, {clients.answered} of {clients.sent} requests answered, pause "
        f"{statistics.median(pauses):.2f} ms (up to {max(pauses):.2f}), predicted / measured "
        f"{statistics.median(shares):.2f}"
    )


def check_service(memwhy, python, folder, kind, count, *arguments, **environment):
    """Dumps a service of one process while it serves, and compares it before and after."""
    environment = {"PYTHONPATH": str(HERE), **environment}
    with waiting(
        memwhy, python, HERE / f"service_{kind}.py", folder, *arguments, environment=environment
    ) as target:
        port = target.said["port"]
        around = outside(target.pid)
        ask_once(port, "/work/1")
        inside = ask_once(port, "/state")
        with Clients(port) as clients:
            dumps = take_dumps(memwhy, target, [target.pid], count)
        tell(f"{python.version} {kind}", clients, dumps)
        assert not clients.errors
        assert clients.sent == clients.answered > count
        wait_until_equal(lambda: outside(target.pid), around)  # threads of connections end
        after = ask_once(port, "/state")
        assert after["served"] == inside["served"] + clients.answered
        assert after["collections"] > inside["collections"], "collections went on"
        changing = {"served": 0, "collections": 0, "threads": 0}  # one for each connection
        assert {**after, **changing} == {**inside, **changing}
        assert (inside["signals"], inside["forks"], inside["child"]) == ([], [], None)
        assert inside["collects"] is True
        assert not list((folder / "s.mwy").glob("dump.*"))
    return dumps


def wait_until_equal(look, wanted, seconds=20):
    """Looks until it sees what is wanted, or fails with what it saw last."""
    deadline = time.monotonic() + seconds
    while (seen := look()) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert seen == wanted


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_no_request_is_lost(memwhy, python, tmp_path, kind):
    count = SOME if kind == "threads" and python is find_pythons()[0][0] else FEW
    check_service(memwhy, python, tmp_path / "run", kind, count)


def test_no_request_is_lost_with_torch(memwhy, tmp_path):
    python = find_pythons()[0][0]
    found = subprocess.run([python.path, "-c", "import torch"], capture_output=True, timeout=120)
    if found.returncode != 0:
        pytest.skip(f"no torch for {python.path}")
    count = MANY if FULL else 5
    check_service(memwhy, python, tmp_path / "run", "threads", count, "torch")


@needs_two_lanes
@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_no_request_is_lost_while_two_clones_write(memwhy, tmp_path, kind):
    python = find_pythons()[0][-1 if kind == "asyncio" else 0]
    dumps = check_service(memwhy, python, tmp_path / "run", kind, SOME, KEPT_ITEMS="200000")
    assert {dump["lanes"] for dump in dumps} == {2}


def test_no_request_is_lost_with_forked_workers(memwhy, python, tmp_path):
    """Each process in turn; those forked meanwhile inherit nothing of a dump of their parent."""
    environment = {"PYTHONPATH": str(HERE)}
    count = FEW
    folder = tmp_path / "run"
    with waiting(
        memwhy, python, HERE / "service_forked.py", folder, environment=environment
    ) as target:
        port, workers = target.said["port"], target.said["workers"]
        pids = [target.pid, *workers]
        with Clients(port, ("work", "fork"), keeps_connection=False) as clients:
            take_dumps(memwhy, target, pids, len(pids))
            dumps = take_dumps(memwhy, target, pids, count)
        tell(f"{python.version} forked", clients, dumps)
        assert not clients.errors
        assert clients.sent == clients.answered > count
        master = target.ask("state")
        assert master["wrong"] == [] and master["children"] > 0
        assert len(master["signals"]) == master["children"]
        states = {}
        while set(states) != set(workers):
            state = ask_once(port, "/state")
            states[state["pid"]] = state
        for state in [master, *states.values()]:
            assert state["collects"] is True and state["threshold"] == master["threshold"]
            assert len(state["signals"]) <= len(state["forks"])
        assert all(state["child"] is None for state in states.values())
        for pid in pids:
            found = outside(pid)
            assert not any("/dump." in link for link in found["descriptors"].values())
        assert not list((folder / "s.mwy").glob("dump.*"))
