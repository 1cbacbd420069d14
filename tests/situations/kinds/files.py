# SPDX-License-Identifier: Apache-2.0
"""Files that others may read, names that are hostile, sessions that are large in an odd way."""

import stat
import subprocess

from situation import MEMWHY, Situation, needs_root


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
        name="umask-0777",
        what="a shell with umask 0777 starts the recording: it is made and can be read",
        known=3,
        check=private,
        driver="import os, sys\nos.umask(0o777)\nos.execv(sys.argv[1], sys.argv[1:])\n",
        needs=(needs_root,),  # others cannot even write a file there
        program="""
import os
kept = [known_block() for _ in range(3)]
print(oct(os.umask(0)))
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
    Situation(
        name="1500-threads",
        what="1,500 threads that live at the same time: the session is whole and not damaged",
        known=1500,
        limit_s=180,
        check=lambda outcome: (
            [f"damaged: {outcome.stats()['session']['damage']}"]
            if outcome.stats()["session"].get("damage") else []),
        program="""
import threading
threading.stack_size(128 * 1024)
kept, up, gate = [], threading.Semaphore(0), threading.Event()
def work():
    kept.append(known_block(5000))
    small = [bytes(600 + i) for i in range(20)]
    up.release()
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(1500)]
for thread in threads:
    thread.start()
for thread in threads:
    up.acquire()
gate.set()
for thread in threads:
    thread.join()
print(len(kept))
""",
    ),
]
