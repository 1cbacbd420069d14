# SPDX-License-Identifier: Apache-2.0
"""One hostile situation: a program that is run plain and recorded, and must do the same both times.

A kind of situations is a file in kinds/ with a list SITUATIONS; README.md says what goes where.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MEMWHY_BUILD", ROOT / "build" / "release"))
MEMWHY = str(BUILD / "bin" / "memwhy")
PYTHON = "/usr/bin/python3"

# Stands before every program. Each call makes one block that the session must know by this name.
PREAMBLE = """def known_block(size=100_000):
    return bytearray(size)
"""


class Skip(Exception):
    """This machine cannot make the situation; the text says what is missing."""


@dataclass(frozen=True)
class Situation:
    """What is run, and what must hold. The command is `PYTHON program.py`, recorded or plain."""

    name: str  # unique in its kind
    what: str  # one line for the table of docs/limits.md
    program: str  # Python source; known_block() is there
    driver: str = ""  # Python source that runs the command sys.argv[1:] instead of us
    outside: tuple = ()  # words before the whole command, such as ("unshare", "--pid", "--fork")
    inside: tuple = ()  # words between `memwhy run --` and the interpreter
    options: tuple = ()  # further options of `memwhy run`
    environment: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)  # name: text, laid beside the program
    # Called with the folder of the run (files, session and working folder lie there); a context
    # manager whose value is a dict of words that stand as {word} in outside, inside, options and
    # environment. Raises Skip.
    setup: Callable | None = None
    needs: tuple = ()  # probes that return None, or a reason to skip
    stdin: bytes = b""
    limit_s: int = 60  # both runs must end within
    known: int | None = None  # blocks that known_block has made in all processes
    complete: bool | None = True  # what the session must say; None: either
    notes: tuple = ()  # words that the session's notes must hold
    check: Callable | None = None  # further faults: check(recorded: Outcome) -> list of texts


@dataclass
class Outcome:
    """What one run left behind."""

    status: int
    stdout: str
    stderr: str  # without memwhy's own lines
    own: str  # memwhy's own lines
    files: dict  # name: bytes, in the program's working folder
    session: Path | None
    folder: Path
    words: dict

    def stats(self):
        done = subprocess.run([MEMWHY, "stats", "--json", str(self.session)], capture_output=True,
                              text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"memwhy stats: {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout)


def needs_root():
    return None if os.geteuid() == 0 else "needs root"


def _with_marker(marker):
    """Pids of living processes that a run has left behind."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if marker in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                state = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    found.append(int(entry))
    return found


def _await_end(marker, seconds=20):
    deadline = time.monotonic() + seconds
    while (left := _with_marker(marker)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


def run(situation, folder, recorded):
    """Runs the program once in a new folder. Returns the Outcome and a list of faults."""
    work = folder / "work"
    work.mkdir(parents=True)
    for name, text in situation.files.items():
        (folder / name).write_text(text)
    program = folder / "program.py"
    program.write_text(PREAMBLE + situation.program)
    session = folder / "s.mwy" if recorded else None
    with contextlib.ExitStack() as stack:
        words = {"folder": str(folder), "work": str(work)}
        if situation.setup is not None:
            words.update(stack.enter_context(situation.setup(folder)) or {})
        session = Path(words.get("session", session)) if recorded else None

        def fill(parts):
            return [part.format(**words) for part in parts]

        command = [*fill(situation.inside), PYTHON, str(program)]
        if recorded:
            command = [MEMWHY, "run", *fill(situation.options), "-o", str(session), "--", *command]
        if situation.driver:
            (folder / "driver.py").write_text(situation.driver)
            command = [PYTHON, "-I", "-S", str(folder / "driver.py"), *command]
        command = [*fill(situation.outside), *command]
        marker = f"SITUATION={folder}"
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder),
                       "PYTHONDONTWRITEBYTECODE": "1", "SITUATION": str(folder)}
        environment.update({k: v.format(**words) for k, v in situation.environment.items()})
        faults = []
        child = subprocess.Popen(command, cwd=work, env=environment, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 start_new_session=True, restore_signals=True)
        try:
            out, err = child.communicate(situation.stdin, timeout=situation.limit_s)
        except subprocess.TimeoutExpired:
            faults.append(f"has not ended within {situation.limit_s} s")
            os.killpg(child.pid, signal.SIGKILL)
            _await_end(marker.encode(), 0)
            out, err = child.communicate()
        if left := _await_end(marker.encode()):
            faults.append(f"processes outlive the run: {left}")
        lines = err.decode(errors="replace").splitlines(keepends=True)
        outcome = Outcome(
            status=child.returncode,
            stdout=out.decode(errors="replace"),
            stderr="".join(line for line in lines if not line.startswith("memwhy: ")),
            own="".join(line for line in lines if line.startswith("memwhy: ")),
            files={str(p.relative_to(work)): p.read_bytes()
                   for p in sorted(work.rglob("*")) if p.is_file() and not p.is_symlink()},
            session=session, folder=folder, words=words)
        if recorded:
            faults += check_session(situation, outcome)
        return outcome, faults


def check_session(situation, outcome):
    """What the session must say, and what it must hold."""
    faults = []
    stats = outcome.stats()
    head = stats["session"]
    if situation.complete is not None and head["complete"] != situation.complete:
        faults.append(f"complete is {head['complete']}: {json.dumps(head)}")
    text = "\n".join(map(str, head.get("notes", [])))
    faults += [f"no {words!r} in the notes: {text!r}" for words in situation.notes
               if words not in text]
    if situation.known is not None:
        found = sum(site["allocated"]["blocks"] for site in stats["sites"]
                    if site["stack"] and site["stack"][0].get("function") == "known_block")
        if found != situation.known:
            faults.append(f"{found} known blocks in the session, {situation.known} were made")
    if situation.check is not None:
        faults += situation.check(outcome)
    return faults


def compare(situation, folder):
    """Runs plain and recorded. Returns a list of faults, each a text."""
    for probe in situation.needs:
        if reason := probe():
            raise Skip(reason)
    plain, faults = run(situation, folder / "plain", recorded=False)
    if faults:
        return [f"plain: {fault}" for fault in faults]
    recorded, faults = run(situation, folder / "recorded", recorded=True)
    for name in ("status", "stdout", "stderr", "files"):
        before, after = getattr(plain, name), getattr(recorded, name)
        if isinstance(before, str):  # each run has its own folder
            before = before.replace(str(folder / "plain"), "FOLDER")
            after = after.replace(str(folder / "recorded"), "FOLDER")
        if before != after:
            faults.append(f"{name}: plain {before!r}, recorded {after!r}")
    if faults:
        faults.append(f"memwhy said: {recorded.own!r}")
    return faults
