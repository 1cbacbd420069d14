# SPDX-License-Identifier: Apache-2.0
"""memwhy govern run: a real server in a real memory cgroup, with the governor and without."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from memory_cgroup import MemoryCgroup  # noqa: E402

TREE = Path(__file__).resolve().parent.parent.parent
MEMWHY = TREE / "build" / "release" / "bin" / "memwhy"
SERVER = TREE / "tests" / "targets" / "governed_server.py"
MIB = 1 << 20
LOAD = ["--mib", "6", "--hold", "6", "--rate", "8", "--ramp", "20"]
FULL = os.environ.get("MEMWHY_FULL_TESTS") == "1"


@pytest.fixture
def cgroup():
    try:
        group = MemoryCgroup(128 * MIB)
    except OSError as error:
        pytest.skip(f"no memory cgroup of our own: {error}")
    with group:
        yield group


def inside(group, page, seconds, *more):
    """The server's command, which enters the cgroup first."""
    return ["sh", "-c", f'echo $$ > {group.procs}; exec "$0" "$@"', sys.executable, str(SERVER),
            str(page), str(seconds), *LOAD, *more]


def configured(folder, group, actuators, **more):
    config = {"mode": "act", "log": "decisions.jsonl",
              "limit": {"floor": 2, "ceiling": 64, "safe": 6},
              "signals": [{"name": "memory", "cgroup": str(group.path)}],
              "actuators": actuators, **more}
    (folder / "govern.yaml").write_text(json.dumps(config))  # JSON is YAML
    return folder / "govern.yaml"


def govern(config, program, **more):
    return subprocess.run([MEMWHY, "govern", "run", "-c", config, "--json", config.parent / "s.json",
                           "--", *program], capture_output=True, text=True, timeout=200, **more)


def test_governed_server_lives(cgroup, tmp_path):
    config = configured(tmp_path, cgroup, [{"name": "gate", "cap": str(tmp_path / "page")}])
    done = govern(config, inside(cgroup, tmp_path / "page", 30))
    assert done.returncode == 0, done.stderr
    assert int(cgroup.oom_kills()) == 0
    assert done.stdout.startswith("done ")
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["cuts"] >= 1
    assert not (tmp_path / "page").exists()
    again = subprocess.run([MEMWHY, "govern", "replay", tmp_path / "decisions.jsonl", "--json"],
                           capture_output=True, text=True, check=True)
    replay = json.loads(again.stdout)
    assert replay["different"] == 0 and replay["unread_lines"] == 0
    assert replay["ticks"] == summary["ticks"]
    assert replay["cuts"] == summary["cuts"]


def test_changed_log_is_noticed(tmp_path):
    config = {"limit": {"floor": 2, "ceiling": 8}, "log": "d.jsonl", "tick": "100ms",
              "signals": [{"name": "host", "host": "memory"}]}
    (tmp_path / "g.yaml").write_text(json.dumps(config))
    subprocess.run([MEMWHY, "govern", "run", "-c", tmp_path / "g.yaml", "--for", "0.5"], check=True,
                   capture_output=True)
    log = tmp_path / "d.jsonl"
    assert subprocess.run([MEMWHY, "govern", "replay", log]).returncode == 0
    log.write_text(log.read_text().replace('"limit":8', '"limit":7', 3))
    done = subprocess.run([MEMWHY, "govern", "replay", log], capture_output=True, text=True)
    assert done.returncode in (1, 2)


@pytest.mark.skipif(not FULL, reason="MEMWHY_FULL_TESTS=1")
def test_server_without_governor_is_killed(cgroup, tmp_path):
    done = subprocess.run(inside(cgroup, tmp_path / "page", 40), capture_output=True, timeout=100)
    assert done.returncode == -signal.SIGKILL
    assert int(cgroup.oom_kills()) == 1


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(what)


HAPROXY = """
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
backend b
  server s1 127.0.0.1:9 maxconn 50
"""


def show_limit(socket_path):
    import socket
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(socket_path))
        client.sendall(b"show stat\n")
        text = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    head, *rows = text.strip().splitlines()
    names = head[2:].split(",")
    row = next(r.split(",") for r in rows if r.startswith("b,s1,"))
    return int(row[names.index("slim")])


@pytest.mark.skipif(shutil.which("haproxy") is None and not Path("/usr/sbin/haproxy").exists(),
                    reason="haproxy is not installed")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_haproxy_is_turned_and_given_back(tmp_path, end):
    socket_path = tmp_path / "h.sock"
    (tmp_path / "h.cfg").write_text(HAPROXY.format(socket=socket_path))
    proxy = subprocess.Popen([shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f",
                              tmp_path / "h.cfg"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    governor = None
    try:
        wait_for(socket_path.exists, "haproxy makes no socket")
        # The host is above a mark of 1 ppm, so the governor cuts at once. The first actuator
        # refuses, the second lies, the third is HAProxy.
        config = {"mode": "act", "tick": "200ms", "limit": {"floor": 2, "ceiling": 40},
                  "marks": {"caution": {"enter": "0.0002 %", "exit": "0.0001 %"},
                            "shed": {"enter": "0.0003 %", "exit": "0.0001 %"},
                            "emergency": {"enter": "0.0004 %", "exit": "0.0001 %"}},
                  "signals": [{"name": "host", "host": "memory"}],
                  "actuators": [{"name": "refuses", "exec": ["false"]},
                                {"name": "lies", "exec": ["true"], "read": ["echo", "40"]},
                                {"name": "proxy", "haproxy": str(socket_path), "server": "b/s1"}]}
        (tmp_path / "g.yaml").write_text(json.dumps(config))
        with open(tmp_path / "said", "w") as said:
            governor = subprocess.Popen([MEMWHY, "govern", "run", "-c", tmp_path / "g.yaml"],
                                        stdout=subprocess.DEVNULL, stderr=said)
        wait_for(lambda: show_limit(socket_path) == 2, "HAProxy is not turned down")
        governor.send_signal(end)
        governor.wait(20)
        wait_for(lambda: show_limit(socket_path) == 50, "HAProxy is not given back")
        text = (tmp_path / "said").read_text()
        assert "refuses: false ended with code 1" in text
        assert "it accepts 2 but reads back 40" in text
    finally:
        if governor is not None and governor.poll() is None:
            governor.kill()
            governor.wait()
        proxy.kill()
        proxy.wait()
