# SPDX-License-Identifier: Apache-2.0
"""Stacks of Python and C frames against the nest that an extension knows to be true."""

import json
import subprocess
from pathlib import Path

from conftest import FULL, build_extension, clean_environment

FOLDER = Path(__file__).resolve().parent / "native_truth"
INTERPRETERS_OWN = {"_bootstrap", "_bootstrap_inner", "run"}


def recorded(python, memwhy, folder, marked, captures):
    """The noted nests, and the rows of `stats` by the same text."""
    build_extension(python, FOLDER / "nest.c", folder)
    session, notes = folder / "s.mwy", folder / "notes.json"
    command = [python.path, str(FOLDER / "program.py"), str(notes), str(captures)]
    done = subprocess.run(
        [memwhy, "run", "--native", "-o", str(session), "--", *command],
        env=clean_environment(PYTHONPATH=str(folder), **marked),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(
        [memwhy, "stats", str(session), "--json", "--top", "1000000"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert shown.returncode == 0, shown.stderr
    sums = {}
    for site in json.loads(shown.stdout)["sites"]:
        stack = site["stack"]
        if not stack or stack[0]["function"] != "nest_block":
            continue
        text = "|".join(word(frame) for frame in reversed(stack))
        blocks, size = sums.get(text, (0, 0))
        amount = site["allocated"]
        sums[text] = (blocks + amount["blocks"], size + amount["bytes"])
    return {key: tuple(value) for key, value in json.loads(notes.read_text()).items()}, sums


def word(frame):
    if frame["language"] == "python":
        return "py " + frame["function"].split(".")[-1]
    return "c " + frame["function"]


def test_merged_stacks_are_the_true_nest(python, memwhy, tmp_path, marked):
    noted, seen = recorded(python, memwhy, tmp_path, marked, 100_000 if FULL else 5_000)
    assert sum(blocks for blocks, _ in noted.values()) >= 5_000
    wrong = {key: (value, seen.get(key)) for key, value in noted.items() if seen.get(key) != value}
    extra = {key: value for key, value in seen.items() if key not in noted}
    assert not wrong and not extra, f"{len(wrong)} of {len(noted)} differ: {wrong} against {extra}"


def test_a_process_without_c_frames_is_told_of(python, memwhy, tmp_path, marked):
    session = tmp_path / "s.mwy"
    command = ["env", "MEMWHY_MODES=", python.path, "-c", "kept = bytearray(100_000)"]
    done = subprocess.run(
        [memwhy, "run", "--native", "-o", str(session), "--", *command],
        env=clean_environment(**marked),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "without C frames" in done.stderr
    shown = subprocess.run(
        [memwhy, "stats", str(session), "--json"], capture_output=True, text=True, timeout=120
    )
    (note,) = json.loads(shown.stdout)["session"]["notes"]
    assert "without C frames: its glibc is older than 2.35" in note
