# SPDX-License-Identifier: Apache-2.0
"""The load generator: a process of its own that sends score requests to 127.0.0.1.

Bounded by --seconds; also ends when the process that started it ends or on SIGTERM. Prints one
summary line to stderr. Exit code 0, or 1 when the service never answered.
"""

import argparse
import ctypes
import http.client
import json
import os
import random
import signal
import sys
import threading
import time

HOST = "127.0.0.1"
STARTUP_LIMIT_S = 120.0
REQUEST_LIMIT_S = 10.0
PR_SET_PDEATHSIG = 1


def end_with_parent():
    """Asks the kernel (Linux) for a SIGTERM when the parent ends."""
    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (AttributeError, OSError, TypeError):
        return
    if os.getppid() != parent:
        sys.exit(0)


def wait_until_healthy(port, stop):
    """Returns True once /healthz answers 200, False when it does not in time."""
    deadline = time.monotonic() + STARTUP_LIMIT_S
    while time.monotonic() < deadline and not stop.is_set():
        connection = http.client.HTTPConnection(HOST, port, timeout=REQUEST_LIMIT_S)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        stop.wait(0.1)
    return False


class Load:
    """Paces requests over a few kept-alive connections and counts what came back.

    rate: requests per second over all connections. A service that cannot keep up gets fewer.
    """

    def __init__(self, port, rate, seconds, connections):
        self.stop = threading.Event()
        self._port = port
        self._rate = rate
        self._seconds = seconds
        self._connections = connections
        self._lock = threading.Lock()
        self._sent = 0
        self._failed = 0
        self._latencies_s = []

    def run(self):
        """Sends until the time is over or `stop` is set. Returns a summary for people."""
        start = time.monotonic()
        workers = [
            threading.Thread(target=self._work, args=(number, start))
            for number in range(self._connections)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        elapsed_s = time.monotonic() - start
        latencies_ms = sorted(1e3 * latency for latency in self._latencies_s) or [float("nan")]
        return (
            f"{self._sent} requests in {elapsed_s:.1f} s, {self._failed} failed, "
            f"median {latencies_ms[len(latencies_ms) // 2]:.1f} ms, "
            f"99 % {latencies_ms[len(latencies_ms) * 99 // 100]:.1f} ms"
        )

    def _work(self, number, start):
        generator = random.Random(number)
        connection = http.client.HTTPConnection(HOST, self._port, timeout=REQUEST_LIMIT_S)
        turn = number
        while not self.stop.is_set():
            due = start + turn / self._rate
            if due > start + self._seconds:
                break
            self.stop.wait(max(0.0, due - time.monotonic()))
            if self.stop.is_set() or time.monotonic() > start + self._seconds:
                break
            begun = time.monotonic()
            succeeded = self._send(connection, turn, generator)
            with self._lock:
                self._sent += 1
                self._failed += not succeeded
                self._latencies_s.append(time.monotonic() - begun)
            turn += self._connections
        connection.close()

    def _send(self, connection, turn, generator):
        body = {
            "session_id": f"session-{turn:08d}",
            "user_id": generator.randrange(5000),
            "item_ids": [generator.randrange(5000) for _ in range(16)],
        }
        try:
            connection.request(
                "POST", "/v1/score", json.dumps(body), {"Content-Type": "application/json"}
            )
            response = connection.getresponse()
            response.read()
            return response.status == 200
        except (OSError, http.client.HTTPException):
            connection.close()
            self.stop.wait(0.1)
            return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--connections", type=int, default=2)
    arguments = parser.parse_args()

    end_with_parent()
    load = Load(arguments.port, arguments.rate, arguments.seconds, arguments.connections)
    signal.signal(signal.SIGTERM, lambda *_: load.stop.set())
    signal.signal(signal.SIGINT, lambda *_: load.stop.set())
    if not wait_until_healthy(arguments.port, load.stop):
        print("load: the service did not answer", file=sys.stderr)
        return 0 if load.stop.is_set() else 1
    print(f"load: {load.run()}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
