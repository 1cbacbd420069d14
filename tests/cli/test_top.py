# SPDX-License-Identifier: Apache-2.0
"""memwhy top: lines of JSON, and the screen in a real terminal (tmux, and a pty)."""

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid

import pytest

from memwhy_program import MEMWHY, memwhy, require_built

LEAK = """
import sys, time
kept = []
print("ready", flush=True)
while True:
    kept.append(bytearray(b"x" * (1 << 20)))
    time.sleep(0.1)
"""


@pytest.fixture(autouse=True)
def built():
    require_built()


@pytest.fixture
def leak(tmp_path):
    script = tmp_path / "leaking_service.py"
    script.write_text(LEAK)
    process = subprocess.Popen([sys.executable, str(script), "--token", "hunter2"],
                               stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait(30)


def test_json_lines_tell_growth_by_layer(leak):
    done = memwhy("top", leak.pid, "--json-lines", "--count", "5", "--interval", "0.6")
    assert done.returncode == 0, done.stderr
    looks = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(looks) == 5
    for look in looks:
        assert look["schema"] == "memwhy.top/1"
        assert [process["pid"] for process in look["processes"]] == [leak.pid]
    first, last = looks[0]["processes"][0], looks[-1]["processes"][0]
    assert first["rss_growth_bytes_per_second"] is None
    assert last["python"] is True and last["program"].endswith("leaking_service.py")
    assert last["rss"] > first["rss"]
    # 10 MiB per second, less where the machine is busy.
    assert 0 < last["growth_bytes_per_second"]["anon"] < 12 << 20
    assert last["growth_bytes_per_second"]["shmem"] == 0
    ledger = looks[-1]["ledger"]
    assert ledger["total"] == sum(s["bytes"] for s in ledger["shares"]) + ledger["unattributed"]
    assert "hunter2" not in done.stdout


def test_the_host_lists_python_processes_largest_first(leak):
    document = json.loads(memwhy("top", "--json").stdout)
    assert document["host"]["total"] > document["host"]["available"] > 0
    sizes = [process["rss"] for process in document["processes"]]
    assert sizes == sorted(sizes, reverse=True)
    assert all(process["python"] for process in document["processes"])
    assert leak.pid in [process["pid"] for process in document["processes"]]
    everything = json.loads(memwhy("top", "--json", "--all").stdout)
    assert len(everything["processes"]) >= len(document["processes"])


def test_a_tree_has_the_children(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c",
         "import subprocess, sys\n"
         "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
         "print(child.pid, flush=True)\ninput()\nchild.kill()\nchild.wait()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        child = int(parent.stdout.readline())
        document = json.loads(memwhy("top", parent.pid, "--tree", "--json").stdout)
        assert {process["pid"] for process in document["processes"]} == {parent.pid, child}
    finally:
        parent.communicate("\n", timeout=30)


def test_errors_say_what_and_why(leak):
    ended = subprocess.Popen(["true"])
    ended.wait(30)
    gone = memwhy("top", ended.pid, "--json")
    assert gone.returncode == 3 and "not there" in gone.stderr or "any more" in gone.stderr
    no_terminal = memwhy("top", leak.pid, stdin=subprocess.DEVNULL)
    assert no_terminal.returncode == 3 and "--json-lines" in no_terminal.stderr
    assert memwhy("top", "0").returncode == 2
    assert memwhy("top", "--tree").returncode == 2
    assert memwhy("top", leak.pid, "--json", "--interval", "0").returncode == 2


def test_the_end_of_the_process_ends_the_lines(leak):
    top = subprocess.Popen([MEMWHY, "top", str(leak.pid), "--json-lines", "--interval", "0.1"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert json.loads(top.stdout.readline())["processes"]
    leak.kill()
    leak.wait(30)
    _, errors = top.communicate(timeout=30)
    assert top.returncode == 0 and "any more" in errors


class Tmux:
    """A terminal of 80x24 that runs a command, and its screen as text."""

    def __init__(self, *command, environment=()):
        self.name = f"memwhy-{uuid.uuid4()}"
        self._call("new-session", "-d", "-x", "80", "-y", "24", "env", *environment,
                   *map(str, command))

    def _call(self, *arguments):
        return subprocess.run(["tmux", "-L", self.name, *arguments], capture_output=True, text=True,
                              timeout=30, check=True).stdout

    def keys(self, *keys):
        self._call("send-keys", *keys)

    def screen(self):
        return self._call("capture-pane", "-p")

    def wait_for(self, text, seconds=30):
        deadline = time.monotonic() + seconds
        while text not in (screen := self.screen()):
            assert time.monotonic() < deadline, f"{text!r} is not on the screen:\n{screen}"
            time.sleep(0.1)
        return screen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], capture_output=True, timeout=30)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here")
def test_the_screen_fits_80x24_and_keys_work(leak, tmp_path):
    shell = ["sh", "-c", f'cd {tmp_path} && {MEMWHY} top {leak.pid} --interval 0.5; echo "ended $?"; '
             "sleep 60"]
    with Tmux(*shell) as tmux:
        screen = tmux.wait_for("share of rss")
        assert "leaking_servi" in screen and "THR" in screen
        assert len(screen.splitlines()) <= 24
        assert all(len(line) <= 80 for line in screen.splitlines())
        tmux.wait_for("MiB")
        tmux.keys("l")
        tmux.wait_for("FILE")
        tmux.keys("?")
        tmux.wait_for("write a snapshot")
        tmux.keys("x")
        tmux.wait_for("THR")
        tmux.keys("w")
        tmux.wait_for("written: memwhy-top-")
        tmux.keys("d")
        tmux.wait_for("SINCE d")
        tmux.keys("/", "n", "o", "p", "e", "Enter")
        tmux.wait_for("nothing is called like that")
        tmux.keys("Escape")
        tmux.wait_for("leaking_servi")
        tmux.keys("Space")
        tmux.wait_for("PAUSED")
        tmux.keys("q")
        tmux.wait_for("ended 0")
    (snapshot,) = tmp_path.glob("memwhy-top-*.json")
    assert json.loads(snapshot.read_text())["processes"][0]["pid"] == leak.pid


def read_screen(arguments, environment, seconds):
    """What a program writes to a terminal of its own in some seconds."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(environment)
        os.execv(MEMWHY, [str(MEMWHY), *map(str, arguments)])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    written = b""
    deadline = time.monotonic() + seconds
    try:
        while (left := deadline - time.monotonic()) > 0:
            if select.select([terminal], [], [], left)[0]:
                try:
                    written += os.read(terminal, 1 << 16)
                except OSError:
                    break
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        os.close(terminal)
    return written


@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_is_obeyed_and_nothing_flickers(leak, no_color):
    written = read_screen(["top", leak.pid, "--interval", "0.3"],
                          {"TERM": "xterm-256color", "NO_COLOR": no_color}, 4)
    assert b"THR" in written
    coloured = b"\x1b[36m" in written or b"\x1b[1m\x1b[36m" in written or b";36m" in written
    assert coloured == (no_color == "")
    # The screen is cleared when the program starts and never again.
    assert written.count(b"\x1b[2J") + written.count(b"\x1b[H\x1b[J") <= 2
