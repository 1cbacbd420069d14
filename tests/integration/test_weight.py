# SPDX-License-Identifier: Apache-2.0
"""What memwhy takes of a small service's resident memory: 8 MiB at most."""

import re
import struct
import subprocess
import sys
from pathlib import Path

from conftest import clean_environment, stats_of, wait_for
from survival import PYTHON

LIMIT = 8 << 20
PRIVATE_AT = 96  # private_begin and private_end in the ring's header (src/wire/ring.h)

# First as fast as it can, over the whole pool; then a service of 20 threads with some thousand
# events a second and 100 threads that are idle.
SERVICE = """if 1:
    import json, sys, threading, time
    for _ in range(3000):
        kept = [bytearray(600 + n) for n in range(500)]
    ends = threading.Event()
    def request():
        document = {"items": [{"id": n, "text": "x" * (500 + n)} for n in range(30)]}
        return len(json.loads(json.dumps(document))["items"])
    def serve():
        while not ends.wait(0.1):
            request()
    def idle():
        request()
        ends.wait()
    threads = [threading.Thread(target=serve) for _ in range(20)]
    threads += [threading.Thread(target=idle) for _ in range(100)]
    for thread in threads:
        thread.start()
    print("serves", flush=True)
    sys.stdin.read()
    ends.set()
    for thread in threads:
        thread.join()
"""


def resident(pid, ring):
    """Bytes of the process's rss that are the ring's mapping or the agent's own memory."""
    begin, end = struct.unpack_from("<QQ", ring.read_bytes()[:4096], PRIVATE_AT)
    shares = {"ring": 0, "private": 0}
    share = None
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+ *(.*)", line)
        if head:
            start, path = int(head[1], 16), head[3]
            share = "ring" if path == str(ring) else None
            if begin <= start < end:
                share = "private"
        elif share and line.startswith("Rss:"):
            shares[share] += int(line.split()[1]) << 10
    return shares


def test_a_small_service_carries_little(memwhy, tmp_path, marked):
    session = tmp_path / "s.mwy"
    command = [memwhy, "run", "-o", str(session), "--", PYTHON, "-c", SERVICE]
    with subprocess.Popen(
        command,
        env=clean_environment(**marked),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as run:
        assert run.stdout.readline() == b"serves\n"
        ring = next(session.glob("ring.*"))
        pid = int(ring.name.split(".")[1])
        first = resident(pid, ring)
        wait_for(lambda: sum(resident(pid, ring).values()) <= LIMIT, 120, "rest of the burst gone")
        last = resident(pid, ring)
        print(f"behind the burst {first}, later {last}", file=sys.stderr)
        run.stdin.close()
        assert run.wait(60) == 0
    assert last["ring"] > 0 and last["private"] > 0, "both were found"
    head = stats_of(memwhy, session)["session"]
    assert head["complete"] and head["lost_events"] == 0
