# SPDX-License-Identifier: Apache-2.0
"""Every command's help can be read on a terminal of 80 columns."""

import subprocess

from recorded import MEMWHY


def help_of(*command):
    done = subprocess.run([MEMWHY, *command, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr
    return done.stdout


def commands_of(text):
    _, found, rest = text.partition("\nSubcommands:\n")
    return [line.split()[0] for line in rest.splitlines() if line[2:3].strip()] if found else []


def test_help_fits_a_terminal():
    waiting, seen = [()], []
    while waiting:
        command = waiting.pop()
        text = help_of(*command)
        seen.append(command)
        assert [line for line in text.splitlines() if len(line) > 80] == []
        waiting += [(*command, name) for name in commands_of(text)]
    assert ("heap", "dump") in seen and len(seen) > 20
