# SPDX-License-Identifier: Apache-2.0
"""What the tests of heap dumps share: a program that waits under memwhy, dumps of it, their views."""

import contextlib
import json
import subprocess
import sys

from conftest import clean_environment


class Waiting:
    """A program under `memwhy run` that printed one line of JSON and waits for its stdin's end."""

    def __init__(self, memwhy, process, folder, said):
        self.memwhy = memwhy
        self.process = process
        self.folder = folder
        self.said = said
        self.pid = said["pid"]

    def dump(self, name="d.heap", *options):
        """Takes a dump; returns its path."""
        path = self.folder / name
        done = subprocess.run(
            [self.memwhy, "heap", "dump", str(self.pid), "-o", str(path), *options],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return path

    def ask(self, line):
        """Sends a line and returns the JSON line that answers it."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextlib.contextmanager
def waiting(
    memwhy, python, program, folder, *arguments, environment=None, options=(), session="s.mwy"
):
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [
            *(memwhy, "run", *options, "-o", str(folder / session)),
            *("--", python.path, str(program), *arguments),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1", **(environment or {})),
    )
    try:
        yield Waiting(memwhy, process, folder, json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        try:
            assert process.wait(60) == 0
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()


def proofs_by_type(memwhy, dump):
    """The proofs of all that heap refs lists."""
    proofs = {}
    for thing in view(memwhy, "refs", dump)["objects"]:
        proofs.setdefault(thing["type"], []).append(thing["proof"])
    return proofs


def view(memwhy, command, *arguments):
    """The JSON document of one heap command."""
    done = subprocess.run(
        [memwhy, "heap", command, *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == f"memwhy.heap.{command}/1"
    return document
