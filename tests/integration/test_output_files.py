# SPDX-License-Identifier: Apache-2.0
"""What memwhy makes where others may write: never through a link, for its owner alone."""

import json
import os
import stat
import subprocess
import sys

import pytest
from conftest import ROOT, clean_environment

sys.path.append(str(ROOT / "tests" / "cli"))
from memwhy_program import python  # noqa: E402

PROGRAM = """if 1:
    import json, os, sys
    held = [bytes(3000) for _ in range(200)]
    print(json.dumps({"pid": os.getpid()}), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def recorded(memwhy, tmp_path_factory):
    """A session and a dump of it."""
    folder = tmp_path_factory.mktemp("recorded")
    session, dump = folder / "s.mwy", folder / "d.heap"
    process = subprocess.Popen(
        [memwhy, "run", "-o", session, "--", python(), "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    pid = json.loads(process.stdout.readline())["pid"]
    done = subprocess.run(
        [memwhy, "heap", "dump", str(pid), "-o", dump], capture_output=True, timeout=120
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and done.returncode == 0, (errors, done.stderr)
    return session, dump


def log_of_gc(folder):
    path = folder / "gc.log"
    path.write_text("gc: collecting generation 2...\ngc: done, 1 unreachable, 0 uncollectable, "
                    "0.0001s elapsed\n")
    return path


OUTPUTS = {
    "report": ["report", "SESSION", "-o", "OUT"],
    "flamegraph": ["flamegraph", "SESSION", "-o", "OUT"],
    "diff": ["diff", "SESSION", "SESSION", "-o", "OUT"],
    "diagnose html": ["diagnose", "SESSION", "--html", "OUT"],
    "diagnose json": ["diagnose", "SESSION", "--json", "OUT"],
    "gclog json": ["gclog", "LOG", "--json", "OUT"],
    "hprof": ["heap", "export", "DUMP", "--format", "hprof", "-o", "OUT"],
    "v8": ["heap", "export", "DUMP", "--format", "heapsnapshot", "-o", "OUT"],
}


def write(memwhy, recorded, folder, name, out):
    values = {"SESSION": recorded[0], "DUMP": recorded[1], "OUT": out}
    if "LOG" in OUTPUTS[name]:
        values["LOG"] = log_of_gc(folder)
    words = [str(values.get(word, word)) for word in OUTPUTS[name]]
    return subprocess.run([memwhy, *words], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_is_new_and_private(memwhy, recorded, tmp_path, name):
    out = tmp_path / "out"
    done = write(memwhy, recorded, tmp_path, name, out)
    assert done.returncode in (0, 1, 4), done.stderr
    assert stat.S_IMODE(out.lstat().st_mode) == 0o600
    assert out.stat().st_size > 0
    size = out.stat().st_size

    # A link, as somebody else may have put one into /tmp, and a file of another name.
    victim = tmp_path / "victim"
    victim.write_text("precious")
    out.unlink()
    out.symlink_to(victim)
    done = write(memwhy, recorded, tmp_path, name, out)
    assert done.returncode in (0, 1, 4), done.stderr
    assert victim.read_text() == "precious"
    assert not out.is_symlink() and out.stat().st_size == size

    # A file that the user names is replaced: its other name keeps what it had.
    out.unlink()
    out.write_text("old")
    out.chmod(0o644)
    other = tmp_path / "other"
    os.link(out, other)
    done = write(memwhy, recorded, tmp_path, name, out)
    assert done.returncode in (0, 1, 4), done.stderr
    assert other.read_text() == "old"
    assert stat.S_IMODE(out.lstat().st_mode) == 0o600 and out.stat().st_size == size
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_what_cannot_be_made_is_said(memwhy, recorded, tmp_path):
    for name in OUTPUTS:
        for out in (tmp_path, tmp_path / "missing" / "out"):
            done = write(memwhy, recorded, tmp_path, name, out)
            assert done.returncode == 3, (name, done.stderr)
            assert "cannot make" in done.stderr, (name, done.stderr)


def test_stdout_by_its_name(memwhy, recorded, tmp_path):
    done = write(memwhy, recorded, tmp_path, "flamegraph", "/dev/stdout")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert os.path.islink("/dev/stdout")


def test_a_session_is_private(recorded):
    session, dump = recorded
    assert stat.S_IMODE(session.stat().st_mode) == 0o700
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    for path in session.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_session_is_not_made_through_a_link(memwhy, tmp_path):
    target = tmp_path / "elsewhere"
    (tmp_path / "s.mwy").symlink_to(target)
    done = subprocess.run(
        [memwhy, "run", "-o", tmp_path / "s.mwy", "--", python(), "-c", "print(1)"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3 and "the program was not run" in done.stderr
    assert not target.exists()
