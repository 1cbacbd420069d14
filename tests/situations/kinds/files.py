# SPDX-License-Identifier: Apache-2.0
"""Files that others may read, names that are hostile, sessions that are large in an odd way."""

import stat
import subprocess

from situation import MEMWHY, Situation


def private(outcome):
    """Nobody else may read what was recorded."""
    faults = []
    for path in [outcome.session, *outcome.session.iterdir()]:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode != (0o700 if path.is_dir() else 0o600):
            faults.append(f"{path.name} has mode {mode:o}")
    return faults


def said(outcome, *command):
    done = subprocess.run([MEMWHY, *command, str(outcome.session)], capture_output=True,
                          timeout=120)
    return done.stdout + done.stderr


def holds_no(*secrets):
    def check(outcome):
        text = said(outcome, "inspect", "--events") + said(outcome, "table", "--by=process")
        return [f"{secret!r} can be read" for secret in secrets if secret.encode() in text]

    return check


SITUATIONS = [
    Situation(
        name="umask-0",
        what="a program and its shell have umask 0: the session stays private",
        known=3,
        check=private,
        driver="import os, sys\nos.umask(0)\nos.execv(sys.argv[1], sys.argv[1:])\n",
        program="""
import os
os.umask(0)
kept = [known_block() for _ in range(3)]
open("made", "w").write("by the program")
print(oct(os.stat("made").st_mode))
""",
    ),
    Situation(
        name="secrets-in-arguments",
        what="secrets in arguments of the program and of a child in a session",
        known=2,
        check=holds_no("hunter2", "opensesame", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        program="""
import subprocess, sys
kept = [known_block(), known_block()]
print(subprocess.run(
    [sys.executable, "-c", "import sys; kept = bytes(100000); print(len(sys.argv))",
     "--password", "hunter2", "--url=https://me:opensesame@host/?api_key=hunter2",
     '{"token": "opensesame"}', "ghp_16C7e42F292c6912E7710c838347Ae178B4a"],
    stdout=subprocess.PIPE, check=True).stdout)
""",
    ),
]
