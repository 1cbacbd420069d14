# SPDX-License-Identifier: Apache-2.0
"""Files that ask for much, and what stands in a file's place without being one.

The bound is that of docs/limits.md: 1 GiB and 1 KiB for each byte that is read. A command ends with
one of its own exit codes, and says nothing in the words of a library.
"""

import os
import re
import socket
import subprocess

import pytest

import hostile_files
from memwhy_program import MEMWHY, memwhy, python, require_agent, require_built

FREE, PER_BYTE = 1 << 30, 1 << 10
LIBRARY_WORDS = re.compile(
    r"std::|nlohmann|json\.exception|bad_alloc|what\(\)|terminate called|basic_string|fmt::|"
    r"length_error|out_of_range|CLI::|not in range|Could not convert"
)


def bytes_of(path):
    if path.is_dir():
        return sum(p.stat().st_size for p in path.iterdir() if p.is_file())
    return path.stat().st_size


def run_bounded(path, *arguments):
    """The exit code and what was said; memory is compared with the bound."""
    with open(path.parent / "said", "w+b") as said:
        child = subprocess.Popen(
            [MEMWHY, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=said,
            stdin=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(child.pid, 0)
        said.seek(0)
        errors = said.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    child.returncode = code
    where = f"{arguments[0]} on {bytes_of(path)} bytes: {usage.ru_maxrss >> 10} MiB, " \
            f"{usage.ru_utime + usage.ru_stime:.1f} s, exit {code}: {errors[-500:]}"
    print(where)
    assert usage.ru_maxrss << 10 <= FREE + PER_BYTE * bytes_of(path), where
    assert code in (0, 1, 2, 3, 4), where
    assert not LIBRARY_WORDS.search(errors), where
    if code in (2, 3):
        assert errors.startswith("memwhy: "), where
    return code, errors


@pytest.fixture(autouse=True)
def built():
    require_built()


# Cheap ones of each kind for `make test`; each of the others takes up to minutes.
QUICK = {"nested_in_members", "many_members", "wrong_kinds", "claims_much", "claims_a_long_piece",
         "claims_edges", "dump_wrong_kinds", "one_line", "cut_lines"}


def skip_if_slow(kind):
    if kind not in QUICK and os.environ.get("MEMWHY_FULL_TESTS") != "1":
        pytest.skip("with MEMWHY_FULL_TESTS=1")


@pytest.mark.parametrize("kind", hostile_files.SESSIONS)
def test_sessions(kind, tmp_path):
    skip_if_slow(kind)
    path = hostile_files.session(tmp_path / "h.mwy", hostile_files.SESSIONS[kind]())
    for arguments in (["stats", path, "--json"], ["inspect", path], ["diagnose", path],
                      ["explain", path], ["table", path, "--json"], ["tree", path, "--json"],
                      ["flamegraph", path, "-o", tmp_path / "f.html"],
                      ["report", path, "-o", tmp_path / "r.html"]):
        run_bounded(path, *arguments)


@pytest.mark.parametrize("kind", hostile_files.DUMPS)
def test_dumps(kind, tmp_path):
    skip_if_slow(kind)
    stream, facts = hostile_files.DUMPS[kind]()
    path = hostile_files.dump(tmp_path / "h.heap", hostile_files.DUMP_BEGIN + stream, facts)
    for arguments in (["heap", "types", path], ["heap", "retained", path, "--json"],
                      ["heap", "path", path, "--type", "app.Node", "--max", "3"],
                      ["heap", "cycles", path], ["heap", "refs", path], ["inspect", path],
                      ["heap", "diff", path, path, "--json"],
                      ["heap", "export", path, "-o", tmp_path / "out.hprof"]):
        run_bounded(path, *arguments)


@pytest.mark.parametrize("kind", hostile_files.LOGS)
def test_logs(kind, tmp_path):
    skip_if_slow(kind)
    path = tmp_path / "gc.log"
    path.write_bytes(hostile_files.LOGS[kind]())
    run_bounded(path, "gclog", path)
    run_bounded(path, "gclog", path, "--json", "-")


def test_what_needs_more_than_its_bound_is_said_and_can_be_allowed(tmp_path):
    skip_if_slow("many_live_blocks")
    path = hostile_files.session(tmp_path / "h.mwy", hostile_files.SESSIONS["many_live_blocks"]())
    few = memwhy("stats", path, env={**os.environ, "MEMWHY_MAX_MEMORY": "64MiB"}, timeout=120)
    assert few.returncode == 3, few.stderr
    assert "more memory is needed" in few.stderr and "MEMWHY_MAX_MEMORY=SIZE" in few.stderr
    assert str(path) in few.stderr and "64.0 MiB" in few.stderr
    enough = memwhy("stats", path, env={**os.environ, "MEMWHY_MAX_MEMORY": "4GiB"}, timeout=120)
    assert enough.returncode == 0, enough.stderr
    odd = memwhy("stats", path, env={**os.environ, "MEMWHY_MAX_MEMORY": "much"}, timeout=120)
    assert "MEMWHY_MAX_MEMORY=much is no size" in odd.stderr


def pipe(path):
    os.mkfifo(path)


def folder(path):
    path.mkdir()


def listening(path):
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)
        server.bind(path.name)


def device(path):
    path.symlink_to("/dev/zero")


KINDS = {"a named pipe": pipe, "a folder": folder, "a socket": listening, "a device": device}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = tmp_path / "s.mwy"
    session.mkdir()
    KINDS[kind](session / "blocks.mwy")
    there = tmp_path / "there"
    KINDS[kind](there)
    commands = [["stats", session], ["inspect", session], ["diagnose", session],
                ["heap", "types", there], ["heap", "diff", there, there], ["gclog", there], ["oom", "--log", there]]
    if kind != "a folder":
        commands.append(["inspect", there])
    for arguments in commands:
        done = memwhy(*arguments, timeout=60)
        assert done.returncode in (2, 3), done.stderr
        assert f"it is {kind}" in done.stderr and "regular file" in done.stderr, done.stderr


def test_rings_and_dumps_of_a_session_that_are_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    require_agent()
    session = tmp_path / "s.mwy"
    program = "x = [bytearray(9000) for _ in range(500)]"
    assert memwhy("run", "-o", session, "--", python(), "-c", program).returncode == 0
    pipe(session / "ring.1.0")
    (session / "ring.2.0").symlink_to("/dev/zero")
    listening(session / "ring.3.0")
    stats = memwhy("stats", session)
    assert stats.returncode == 0
    assert "ring.1.0: it is a named pipe" in stats.stderr
    assert "ring.2.0: it is a link" in stats.stderr
    assert "ring.3.0: it is a socket" in stats.stderr
    assert memwhy("inspect", session / "ring.1.0").returncode == 3


def test_a_log_may_come_through_a_descriptor(tmp_path):
    log = tmp_path / "gc.log"
    log.write_bytes(hostile_files.LOGS["collections"]()[:7000])
    done = subprocess.run(["bash", "-c", f"{MEMWHY} gclog <(cat {log})"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0 and "102 collections" in done.stdout, done.stderr


@pytest.mark.parametrize(("arguments", "says"), [
    (["stats"], "memwhy stats needs session"),
    (["stats", "x", "--top", "abc"], "'abc' is no whole number"),
    (["stats", "x", "--top", "-3"], "'-3' is no whole number"),
    (["stats", "x", "--top", "9" * 30], "is no whole number"),
    (["stats", "x", "--top"], "--top needs a value"),
    (["stats", "x", "y", "z"], "memwhy stats does not take 'y', 'z'"),
    (["heap", "dump", "abc"], "'abc' is no whole number"),
    (["heap", "dump", "-5"], "-5"),
    (["heap", "dump", "1", "--max-pause", "nan"], "'nan' is no number from 0 on"),
    (["heap"], "memwhy heap needs a command"),
    (["bogus"], "memwhy has no command 'bogus'"),
    (["heap", "bogus"], "memwhy heap has no command 'bogus'"),
])
def test_usage_is_in_our_words(arguments, says):
    done = memwhy(*arguments)
    assert done.returncode == 2
    assert says in done.stderr, done.stderr
    assert "Try 'memwhy" in done.stderr
    assert not LIBRARY_WORDS.search(done.stderr), done.stderr
