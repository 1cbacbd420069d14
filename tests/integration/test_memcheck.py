# SPDX-License-Identifier: Apache-2.0
"""memwhy memcheck on programs with planted mistakes: every one is named with its C, Cython and Python
frames in order, and nothing else is blamed. With MEMWHY_FULL_TESTS=1 also Cython, and CPython 3.12."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, FULL, ROOT, build_extension, clean_environment, find_pythons

MEMWHY = BUILD / "bin" / "memwhy"
HERE = ROOT / "tests" / "integration" / "memcheck"
CYTHON = Path(
    os.environ.get("MEMWHY_HEAP_PACKAGES", Path.home() / ".cache/memwhy/heap_packages")
) / "build"
CASES = [("3.11", "c")]
if FULL:
    CASES += [("3.11", "cython"), ("3.12", "c"), ("3.12", "cython"), ("3.9", "c"), ("3.10", "c"),
              ("3.13", "c"), ("3.14", "c")]
# name: (kind, function of the mistake)
MISTAKES = {
    "lose": "leaked_buffer",
    "lose_object": "leaked_reference",
    "after_free": "invalid_memory_use",
    "beyond": "invalid_memory_use",
    "unset": "invalid_memory_use",
}


def python_of(minor):
    for python in find_pythons()[0]:
        if python.minor == minor and python.has_headers and not python.is_free_threaded:
            return python
    pytest.skip(f"no CPython {minor} with headers")


def build(python, language, folder):
    """Compiles the planted module, with lines of the source; returns its name."""
    if language == "c":
        source = HERE / "planted.c"
        flags = "-g -O1 -fno-builtin"
    else:
        if not (CYTHON / "Cython").is_dir():
            pytest.skip("scripts/fetch_heap_packages did not run")
        source = folder / "planted_pyx.pyx"
        shutil.copy(HERE / "planted_pyx.pyx", source)
        subprocess.run(
            [find_pythons()[0][0].path, "-m", "cython", "-3", str(source)],
            env=clean_environment(PYTHONPATH=str(CYTHON)), check=True, timeout=120,
        )
        source = source.with_suffix(".c")
        flags = "-g -O1 -fno-builtin"
    library = folder / f"{source.stem}.so"
    subprocess.run(
        ["cc", *flags.split(), "-shared", "-fPIC", f"-I{python.include}", str(source), "-o",
         str(library)],
        check=True, timeout=180,
    )
    return source.stem


def marks(path, word):
    """Line numbers of comments WORD:name."""
    found = {}
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        for name in re.findall(rf"{word}:(\w+)", line):
            found[name] = number
    return found


def memcheck(python, folder, *arguments):
    if shutil.which("valgrind") is None:
        pytest.skip("no valgrind here, which scripts/install_deps brings")
    done = subprocess.run(
        [MEMWHY, "memcheck", "--json", "--", python.path, str(HERE / "program.py"), *arguments],
        capture_output=True, text=True, timeout=400, cwd=folder,
        env=clean_environment(PYTHONPATH=str(folder)),
    )
    return done, json.loads(done.stdout) if done.stdout else None


def blamed(document):
    return [f for f in document["findings"] if f["severity"] != "info"]


def names(finding):
    return [frame["function"] for frame in finding["who_allocated"]["stack"]]


def lines(finding):
    return {
        frame["function"]: frame["line"]
        for frame in finding["who_allocated"]["stack"]
        if frame["language"] == "python"
    }


@pytest.mark.parametrize("minor,language", CASES)
def test_every_planted_mistake_is_named(tmp_path, minor, language):
    python = python_of(minor)
    module = build(python, language, tmp_path)
    done, document = memcheck(python, tmp_path, module)
    assert done.returncode == 1, done.stderr
    found = blamed(document)
    source = HERE / ("planted.c" if language == "c" else "planted_pyx.pyx")
    planted = marks(source, "PLANT")
    called = marks(HERE / "program.py", "CALL")
    by_line = {}
    for finding in found:
        who = finding["who_allocated"]
        stack = who["stack"]
        (at,) = {
            name for name, line in planted.items()
            if any(f["line"] == line and Path(f["file"] or "").name == source.name for f in stack)
        }
        assert at not in by_line, f"{at} is blamed twice"
        by_line[at] = finding
    assert set(by_line) == set(MISTAKES), done.stdout
    for name, kind in MISTAKES.items():
        finding = by_line[name]
        assert finding["kind"] == kind
        stack = finding["who_allocated"]["stack"]
        # Native frames, then Python; a native frame between Python frames is that of fine().
        kinds = [f["language"] for f in stack]
        assert kinds[-1] == "python" and kinds[0] != "python"
        inner = next(f for f in stack if f["line"] == planted[name])
        assert inner["language"] == ("cython" if language == "cython" else "c")
        assert "truncated" not in finding["who_allocated"]
        assert names(finding)[-2:] == ["main", "<module>"]
    assert by_line["lose"]["bytes_at_stake"] == 3000
    assert by_line["lose"]["what"]["count"] == 3
    assert [n for n in names(by_line["lose"]) if n.startswith("lose_")] == ["lose_one", "lose_some"]
    assert lines(by_line["lose"])["lose_some"] == called["lose"]
    assert lines(by_line["lose_object"])["main"] == called["lose_object"]
    assert lines(by_line["after_free"])["main"] == called["after_free"]
    assert "through" in names(by_line["after_free"]) and "fine" in names(by_line["after_free"])
    assert lines(by_line["beyond"])["main"] == called["beyond"]
    assert names(by_line["beyond"])[-3:] == ["main.<locals>.<lambda>", "main", "<module>"] or (
        minor in ("3.9",) and names(by_line["beyond"])[-3] == "<lambda>"
    )
    freed = by_line["after_free"]["related"]
    assert any("free'd" in one["says"] for one in freed)
    checks = {check["id"]: check["result"] for check in document["checks"]}
    assert checks["memcheck.run"] == checks["memcheck.python_frames"] == "pass"
    assert checks["memcheck.baseline"] == "pass"
    assert checks["memcheck.reachable"] == "could_not"
    assert document["session"]["exit_status"] == 0
    assert document["session"]["python"] == python.version


@pytest.mark.skipif(not FULL, reason="with MEMWHY_FULL_TESTS=1")
@pytest.mark.parametrize("minor,language", [("3.11", "c"), ("3.12", "cython"), ("3.12", "c")])
def test_a_correct_program_is_not_blamed(tmp_path, minor, language):
    python = python_of(minor)
    module = build(python, language, tmp_path)
    done, document = memcheck(python, tmp_path, module, "fine")
    assert done.returncode == 0, done.stdout
    assert blamed(document) == []


def test_an_import_of_many_modules_is_not_blamed(tmp_path):
    if not FULL:
        pytest.skip("with MEMWHY_FULL_TESTS=1")
    python = python_of("3.12")
    script = tmp_path / "imports.py"
    script.write_text("import json, zlib, ssl, decimal, sqlite3, ctypes\njson.loads('{\"a\": 1}')\n")
    done = subprocess.run([MEMWHY, "memcheck", "--json", "--", python.path, str(script)],
                          capture_output=True, text=True, timeout=400, env=clean_environment())
    assert blamed(json.loads(done.stdout)) == []
    assert done.returncode == 0
