# SPDX-License-Identifier: Apache-2.0
"""memwhy oom on the command line: a real kill, a log, counters, how it fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from memwhy_program import ROOT, memwhy, require_built

sys.path.insert(0, str(ROOT / "tests" / "integration"))
from memory_cgroup import MemoryCgroup  # noqa: E402

LOG = """\
[  849.654300] python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[  849.654424] memory: usage 40960kB, limit 40960kB, failcnt 54
[  849.654434] Memory cgroup stats for /app:
[  849.772825] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[  849.772827] [  14410]     0 14410     1423     1000    15564        0             0 npm start
[  849.772829] [  14415]     0 14415    14423    13565   155648        0             0 python3
[  849.772834] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/app,task_memcg=/app,task=python3,pid=14415,uid=0
[  849.772858] Memory cgroup out of memory: Killed process 14415 (python3) total-vm:57692kB, anon-rss:47616kB, file-rss:6644kB, shmem-rss:0kB, UID:0 pgtables:152kB oom_score_adj:0
"""

GREEDY = """
import os, sys
open(sys.argv[1], "w").write(str(os.getpid()))
blocks = []
while True:
    blocks.append(bytearray(1 << 20))
"""


@pytest.fixture(autouse=True)
def built():
    require_built()


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "kern.log"
    file.write_text(LOG)
    return file


def test_json_lists_the_kill(log):
    done = memwhy("oom", "--log", log, "--json")
    assert done.returncode == 0 and done.stderr == ""
    document = json.loads(done.stdout)
    assert document["schema"] == "memwhy.oom/1" and document["unparsed"] == 0
    (kill,) = document["kills"]
    assert {key: kill[key] for key in ("pid", "name", "scope", "cgroup", "limit", "anon_rss", "at",
                                       "others")} == {
        "pid": 14415, "name": "python3", "scope": "memcg", "cgroup": "/app", "limit": 40960 << 10,
        "anon_rss": 47616 << 10, "at": "849.772858",
        "others": [{"pid": 14410, "name": "npm start", "rss": 4096000}]}


def test_text_says_why_and_who_else(log):
    done = memwhy("oom", "--log", log)
    words = " ".join(done.stdout.split())
    assert "the kernel killed process 14415 (python3)" in words
    assert "cgroup /app was at its limit of 40.0 MiB" in words
    assert "npm start" in words
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "npm start" not in memwhy("oom", "--log", log, "--top", "0").stdout


def test_stdin(log):
    with log.open() as file:
        document = json.loads(memwhy("oom", "--log", "-", "--json", stdin=file).stdout)
    assert len(document["kills"]) == 1 and document["log"] == "-"


def test_a_log_without_kills(tmp_path):
    (tmp_path / "kern.log").write_text("[    1.000000] Linux version 6.18\n")
    done = memwhy("oom", "--log", tmp_path / "kern.log")
    assert done.returncode == 0 and "no process was killed" in " ".join(done.stdout.split())


def test_names_reach_no_terminal(tmp_path):
    (tmp_path / "kern.log").write_text(LOG.replace("(python3)", "(\x1b[31m\u202e)"))
    done = memwhy("oom", "--log", tmp_path / "kern.log")
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout


def test_errors_say_what_where_and_why(tmp_path):
    missing = memwhy("oom", "--log", tmp_path / "no.log")
    assert missing.returncode == 2 and "no.log: No such file" in missing.stderr
    folder = memwhy("oom", "--log", tmp_path)
    assert folder.returncode == 2 and "it is a folder" in folder.stderr
    no_cgroup = memwhy("oom", "--cgroup", tmp_path)
    assert no_cgroup.returncode == 3 and "no memory cgroup" in no_cgroup.stderr


@pytest.mark.parametrize("files,expected", [
    ({"memory.stat": "anon 5\n", "memory.current": "4000\n", "memory.max": "4096\n",
      "memory.events": "low 0\nhigh 0\nmax 7\noom 3\noom_kill 0\noom_group_kill 0\n"},
     {"version": 2, "oom_kills": 0, "oom_events": 3, "limit_hits": 7, "limit": 4096}),
    ({"memory.usage_in_bytes": "4000\n", "memory.limit_in_bytes": "4096\n", "memory.failcnt": "7\n",
      "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"},
     {"version": 1, "oom_kills": 2, "oom_events": None, "limit_hits": 7, "limit": 4096})])
def test_counters_of_a_cgroup(tmp_path, log, files, expected):
    folder = tmp_path / "app"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    done = memwhy("oom", "--log", log, "--cgroup", folder, "--json")
    counters = json.loads(done.stdout)["cgroup"]
    assert {key: counters[key] for key in expected} == expected
    text = " ".join(memwhy("oom", "--log", log, "--cgroup", folder).stdout.split())
    assert ("exit code 137" in text) == (expected["oom_kills"] == 0)


def test_a_real_kill_is_found_in_this_kernels_log():
    """The kernel kills one process of a cgroup of our own; another one only dies by SIGKILL."""
    try:
        group = MemoryCgroup(40 << 20)
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made: {error}")
    with group:
        victim = subprocess.Popen([sys.executable, "-c", GREEDY, str(group.procs)])
        bystander = subprocess.Popen(["sleep", "60"])
        bystander.kill()
        bystander.wait(30)
        assert victim.wait(60) == -9
        done = memwhy("oom", "--cgroup", group.path, "--json")
        if done.returncode == 3:
            pytest.skip(f"the kernel's log cannot be read: {done.stderr}")
        document = json.loads(done.stdout)
        kills = {kill["pid"]: kill for kill in document["kills"]}
        assert bystander.pid not in kills
        kill = kills[victim.pid]
        assert kill["scope"] == "memcg" and kill["limit"] == 40 << 20
        assert Path(kill["cgroup"]).name == group.path.name
        assert 30 << 20 < kill["anon_rss"] <= 64 << 20
        assert document["cgroup"]["oom_kills"] == 1
        assert document["cgroup"]["limit"] == 40 << 20
        assert document["unparsed"] == 0
