# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: the built programs, the CPythons of this machine, clean-up."""

import functools
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ROOT / "tests" / "targets"
BUILD = Path(os.environ.get("MEMWHY_BUILD", ROOT / "build" / "release"))
FULL = os.environ.get("MEMWHY_FULL_TESTS") == "1"
VERSIONS = [f"3.{minor}" for minor in range(8, 15)]
# What scripts/fetch_pythons has brought.
FETCHED = Path(os.environ.get("MEMWHY_PYTHONS", Path.home() / ".cache/memwhy/pythons"))
# PyTorch 2 for the distribution's CPython: what scripts/fetch_torch has brought.
TORCH = Path(os.environ.get("MEMWHY_TORCH", Path.home() / ".cache/memwhy/torch")) / "bin/python"
# TensorFlow for the distribution's CPython: what scripts/fetch_tensorflow has brought.
TENSORFLOW = (
    Path(os.environ.get("MEMWHY_TENSORFLOW", Path.home() / ".cache/memwhy/tensorflow"))
    / "bin/python"
)

FACTS = """if 1:
    import os, sys, sysconfig
    print("%d.%d.%d" % sys.version_info[:3])
    print(sysconfig.get_path("include"))
    print(int(bool(sysconfig.get_config_var("Py_GIL_DISABLED"))))
    print(os.path.realpath(sys.executable))
"""


class Python:
    """One CPython: where it is, its version, where its headers are."""

    def __init__(self, path):
        done = subprocess.run(
            [path, "-c", FACTS], capture_output=True, text=True, timeout=60, check=True
        )
        self.path = str(path)
        self.version, self.include, free_threaded, self.real_path = done.stdout.split("\n")[:4]
        self.is_free_threaded = free_threaded == "1"
        self.minor = ".".join(self.version.split(".")[:2])

    @property
    def has_headers(self):
        return (Path(self.include) / "Python.h").is_file()


@functools.lru_cache(maxsize=None)
def find_pythons():
    """Returns the CPythons found, by path, and a line for each version of which there is none."""
    candidates = ["/usr/bin/python3"]
    for version in VERSIONS:
        candidates += sorted(glob.glob(f"{Path.home()}/.pyenv/versions/{version}.*/bin/python3"))
        candidates.append(shutil.which(f"python{version}") or "")
        candidates.append(str(FETCHED / version / "usr/bin" / f"python{version}"))
    found, missing = {}, []
    for candidate in candidates:
        if not candidate or not os.access(candidate, os.X_OK):
            continue
        try:
            python = Python(candidate)
        except (OSError, subprocess.SubprocessError, ValueError):
            continue  # a launcher of a version that is not installed
        if python.minor in VERSIONS and not python.is_free_threaded:
            found.setdefault(python.real_path, python)
    have = {python.minor for python in found.values()}
    missing = [version for version in VERSIONS if version not in have]
    return list(found.values()), missing


def pytest_generate_tests(metafunc):
    if "python" not in metafunc.fixturenames:
        return
    found, missing = find_pythons()
    cases = [pytest.param(p, id=f"{p.version}-{p.path.split('/')[1]}") for p in found]
    cases += [
        pytest.param(None, id=version, marks=pytest.mark.skip(f"no CPython {version} found"))
        for version in missing
    ]
    metafunc.parametrize("python", cases)


@pytest.fixture(scope="session")
def memwhy():
    """The native command; skips where it has not been built."""
    path = BUILD / "bin" / "memwhy"
    if not path.is_file():
        pytest.skip(f"{path} is not built")
    return str(path)


@pytest.fixture(scope="session")
def agent():
    path = BUILD / "lib" / "libmemwhy_agent.so"
    if not path.is_file():
        pytest.skip(f"{path} is not built")
    return str(path)


def build_extension(python, source, folder, level="-O2"):
    """Compiles the extension module `source` for `python` into `folder`."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    if not python.has_headers:
        pytest.skip(f"no headers of {python.path} ({python.include}/Python.h)")
    library = folder / f"{Path(source).stem}.so"
    subprocess.run(
        [compiler, level, "-shared", "-fPIC", f"-I{python.include}", str(source), "-o", library],
        check=True,
        timeout=120,
    )
    return library


def clean_environment(**more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MEMWHY_", "PYTHON"))}
    environment.pop("LD_PRELOAD", None)
    environment.update(more)
    return environment


def stats_of(memwhy, session):
    done = subprocess.run(
        [memwhy, "stats", "--json", str(session)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def is_alive(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def wait_for(condition, seconds=60, what="condition"):
    """Polls until `condition` gives a true value, which is returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"no {what} within {seconds} s")


def processes_with(marker):
    """Pids of living processes whose environment holds `marker`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:
            continue
        if marker.encode() in environment.split(b"\0") and is_alive(int(entry)):
            found.append(int(entry))
    return found


@pytest.fixture
def marked(tmp_path):
    """An environment entry for everything a test starts; afterwards nothing with it may live."""
    entry = f"INTEGRATION_TEST={tmp_path}"
    yield dict([entry.split("=", 1)])
    deadline = time.monotonic() + 20
    while (left := processes_with(entry)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        print(f"still alive: {pid}", Path(f"/proc/{pid}/cmdline").read_bytes(), file=sys.stderr)
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes have outlived the test"
