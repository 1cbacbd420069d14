# SPDX-License-Identifier: Apache-2.0
"""A dump of another user's process: root takes it, others are told why not."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import BUILD, ROOT, clean_environment

sys.path.append(str(ROOT / "tests" / "cli"))

SERVICE, STRANGER = 65534, 65533  # users without rights
PYTHON = "/usr/bin/python3"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be two users")

PROGRAM = """if 1:
    import json, os, sys, gc
    user = int(sys.argv[1])
    if user:
        os.setgroups([]); os.setgid(user); os.setuid(user)
    class Thing: pass
    held = [Thing() for _ in range(1234)]
    print(json.dumps({"pid": os.getpid(), "user": os.getuid()}), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder():
    """Where every user may go; the programs lie there, too."""
    path = Path(tempfile.mkdtemp(prefix="memwhy_users_"))
    path.chmod(0o755)
    for room, name in (("bin", "memwhy"), ("lib", "libmemwhy_agent.so")):
        if not (BUILD / room / name).is_file():
            shutil.rmtree(path)
            pytest.skip(f"{name} is not built")
        (path / room).mkdir()
        shutil.copy(BUILD / room / name, path / room / name)
    for user in (SERVICE, STRANGER):
        (path / str(user)).mkdir(mode=0o700)
        os.chown(path / str(user), user, user)
    yield path
    shutil.rmtree(path)


@contextlib.contextmanager
def service(folder, session, user=None, becomes=0):
    process = subprocess.Popen(
        [folder / "bin" / "memwhy", "run", "-o", session, "--", PYTHON, "-c", PROGRAM,
         str(becomes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd=session.parent,
        env=clean_environment(),
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def dump(folder, pid, path, user=None):
    return subprocess.run(
        [folder / "bin" / "memwhy", "heap", "dump", str(pid), "-o", path],
        capture_output=True,
        text=True,
        timeout=120,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd="/",
        env=clean_environment(),
    )


def count(folder, path, name):
    done = subprocess.run(
        [folder / "bin" / "memwhy", "heap", "types", path, "--json"],
        capture_output=True, text=True, timeout=120, check=True,
    )
    rows = json.loads(done.stdout)["types"]
    return sum(row["objects"] for row in rows if row["type"].endswith(name))


def left_over(pid):
    return [p for p in Path("/tmp").glob(f"memwhy.{pid}.*")]


def test_root_dumps_a_service_that_gave_up_root(folder):
    with service(folder, folder / "s.mwy", becomes=SERVICE) as said:
        assert said["user"] == SERVICE
        done = dump(folder, said["pid"], folder / "d.heap")
        assert done.returncode == 0, done.stderr
        assert left_over(said["pid"]) == []
        assert not [p for p in (folder / "s.mwy").iterdir() if p.name.startswith("dump.")]
    assert count(folder, folder / "d.heap", ".Thing") == 1234


def test_root_dumps_what_another_user_records(folder):
    session = folder / str(SERVICE) / "s.mwy"
    with service(folder, session, user=SERVICE) as said:
        assert said["user"] == SERVICE
        done = dump(folder, said["pid"], folder / "d.heap")
        assert done.returncode == 0, done.stderr
        assert left_over(said["pid"]) == []
    assert count(folder, folder / "d.heap", ".Thing") == 1234
    assert (folder / "d.heap").stat().st_uid == 0


def test_the_same_user_dumps_its_own(folder):
    session = folder / str(SERVICE) / "s.mwy"
    path = folder / str(SERVICE) / "d.heap"
    with service(folder, session, user=SERVICE) as said:
        done = dump(folder, said["pid"], path, user=SERVICE)
        assert done.returncode == 0, done.stderr
    assert count(folder, path, ".Thing") == 1234


def test_another_user_is_told_why_not(folder):
    session = folder / str(SERVICE) / "s.mwy"
    path = folder / str(STRANGER) / "d.heap"
    with service(folder, session, user=SERVICE) as said:
        done = dump(folder, said["pid"], path, user=STRANGER)
        assert done.returncode == 3
        assert "65534" in done.stderr and "only that user and root" in done.stderr
        assert not path.exists()
