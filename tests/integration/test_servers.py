# SPDX-License-Identifier: Apache-2.0
"""Services with worker processes under `memwhy run`: started, asked, and stopped as users do.

Each worker must be in the session with exactly what it said it retains; exit code and output must
be what they are without memwhy, and nothing may be left running.
"""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import TARGETS, clean_environment, find_pythons, wait_for
from known_processes import KnownProcesses

SERVERS = Path(os.environ.get("MEMWHY_SERVERS", Path.home() / ".cache/memwhy/servers"))
REQUESTS = 40  # of each client, of which there are four at a time


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(path):
    """One request; returns the pid of the worker that answered."""
    connection = UnixConnection(path)
    try:
        connection.request("GET", "/")
        return int(connection.getresponse().read())
    finally:
        connection.close()


def is_up(path):
    try:
        return ask(path)
    except (OSError, http.client.HTTPException):
        return None


def ask_all(path, workers):
    """Requests until that many workers have answered; returns their pids."""
    pids = set()

    def client():
        for _ in range(REQUESTS):
            pids.add(ask(path))

    def round_of_clients():
        clients = [threading.Thread(target=client) for _ in range(4)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        return len(pids) == workers

    wait_for(round_of_clients, what=f"answer of {workers} workers")
    return pids


@pytest.fixture(params=["distribution", "newest"])
def service_python(request):
    found = sorted(find_pythons()[0], key=lambda p: int(p.minor[2:]))
    if request.param == "newest":
        return found[-1].path
    if not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("no /usr/bin/python3")
    return "/usr/bin/python3"


def normal(text, folder):
    """Output without pids, times, paths of this run, our own lines, and in no order."""
    text = re.sub(r"\[?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^\]]*\]?", "TIME", text)
    text = re.sub(r"\b\d{2,}\b", "N", text.replace(str(folder), "FOLDER"))
    return sorted(line for line in text.splitlines() if not line.startswith("memwhy: "))


class Served:
    """One run of a service, from its start to its end by SIGTERM."""

    def __init__(self, command, folder, marked, drive, **environment):
        folder.mkdir()
        self.notes = folder / "notes"
        environment = clean_environment(
            KNOWN_NOTES=str(self.notes),
            PYTHONPATH=f"{TARGETS}:{SERVERS}",
            PYTHONDONTWRITEBYTECODE="1",
            **environment,
            **marked,
        )
        process = subprocess.Popen(
            [str(part).replace("FOLDER", str(folder)) for part in command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self.answer = drive(process, folder)
            process.send_signal(signal.SIGTERM)
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        self.code = process.returncode
        self.stdout, self.stderr = normal(stdout, folder), normal(stderr, folder)


def compare(memwhy, tmp_path, marked, command, drive, **environment):
    """Runs the service without and with memwhy; returns the recorded run and its session."""
    plain = Served(command, tmp_path / "a", marked, drive, **environment)
    session = tmp_path / "s.mwy"
    recorded = Served(
        [memwhy, "run", "-o", session, "--", *command], tmp_path / "b", marked, drive, **environment
    )
    print(*recorded.stderr, sep="\n", file=sys.stderr)
    assert (recorded.code, recorded.stdout) == (plain.code, plain.stdout)
    assert recorded.stderr == plain.stderr
    known = KnownProcesses(memwhy, session, recorded.notes)
    known.check()
    known.check_ends()
    return recorded, known


def callers(known):
    """The functions that called `take`, by pid."""
    result = {}
    for site in known.sites():
        result.setdefault(site["pid"], set()).add(site["stack"][1]["function"])
    return result


def serve(workers):
    def drive(process, folder):
        wait_for(lambda: is_up(folder / "socket"), what="answer")
        return ask_all(folder / "socket", workers)

    return drive


def needs_servers():
    if not (SERVERS / "pins").is_file():
        log = Path(f"{SERVERS}.log")
        why = log.read_text()[-300:] if log.is_file() else "scripts/fetch_servers brings them"
        pytest.skip(f"no gunicorn and uvicorn: {why}")


def test_gunicorn(memwhy, service_python, tmp_path, marked):
    needs_servers()
    command = [service_python, "-m", "gunicorn", "--workers", "2", "--preload"]
    command += ["--bind", "unix:FOLDER/socket", "known_service:wsgi"]
    recorded, known = compare(memwhy, tmp_path, marked, command, serve(2))
    assert recorded.code == 0
    called = callers(known)
    assert set(called) == {known.first, *recorded.answer}
    assert called[known.first] == {"load"}
    for pid in recorded.answer:  # what the first process loaded before its forks is theirs, too
        assert called[pid] == {"load", "handle_request"}


def test_uvicorn(memwhy, service_python, tmp_path, marked):
    needs_servers()
    command = [service_python, "-m", "uvicorn", "--workers", "2", "--no-access-log"]
    command += ["--uds", "FOLDER/socket", "known_service:asgi"]
    # Its workers are told to stop by SIGTERM, clean up, and then die of it.
    workers = {"KNOWN_MADE": "exec", "KNOWN_ENDED": "signal:15"}
    recorded, known = compare(memwhy, tmp_path, marked, command, serve(2), **workers)
    called = callers(known)
    assert set(called) == recorded.answer
    for pid in recorded.answer:
        assert called[pid] == {"load", "handle_request"}


def test_torch_data_loader(memwhy, tmp_path, marked):
    python = "/usr/bin/python3"
    has_torch = subprocess.run([python, "-c", "import torch"], capture_output=True, timeout=120)
    if has_torch.returncode != 0:
        pytest.skip(f"no torch for {python}")

    def drive(process, folder):
        assert process.stdout.readline() == "two epochs\n"

    command = [python, TARGETS / "loader_batches.py", "FOLDER/notes"]
    recorded, known = compare(memwhy, tmp_path, marked, command, drive)
    assert recorded.code == 0
    called = callers(known)
    workers = {line["pid"] for line in known.truth} - {known.first}
    assert len(workers) == 2
    assert called == {known.first: {"main"}, **{pid: {"main", "retain"} for pid in workers}}
