# SPDX-License-Identifier: Apache-2.0
"""Heap dumps of this process, for a service that wants to take one itself."""

import os
import subprocess
from pathlib import Path

from memwhy._command import CommandNotFound, find_command

__all__ = ["DumpError", "dump"]


class DumpError(RuntimeError):
    """No dump was taken; the text says why and what to try."""


def dump(path=None, *, max_pause_ms=None, in_place=False, scan=True, timeout=600):
    """Writes every object of this process to `path` and returns the path.

    Args:
        path: the file to make; by default ``memwhy.PID.heap`` in the working directory.
        max_pause_ms: refuse when the predicted pause is longer.
        in_place: do not clone the process; the walk then holds the GIL (longer pause, less memory).
        scan: look for C code that holds objects with too many references.
        timeout: seconds after which the command is given up.

    The process must run under ``memwhy run``. The native command does the work and is started as a
    child, which the calling thread waits for; other threads go on.

    Raises:
        DumpError: the process is not recorded, the command is not there, or it refused.
    """
    try:
        command = str(find_command(os.environ, Path(__file__).resolve().parent))
    except CommandNotFound as error:
        raise DumpError(str(error)) from error
    path = os.fspath(path) if path is not None else f"memwhy.{os.getpid()}.heap"
    arguments = [command, "heap", "dump", str(os.getpid()), "-o", path]
    if max_pause_ms is not None:
        arguments += ["--max-pause", str(float(max_pause_ms))]
    if in_place:
        arguments.append("--in-place")
    if not scan:
        arguments.append("--no-scan")
    # The command shall not be recorded itself.
    environment = {
        k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("MEMWHY_")
    }
    try:
        done = subprocess.run(
            arguments,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=timeout,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DumpError(f"memwhy heap dump: {error}") from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DumpError(lines[-1] if lines else f"memwhy heap dump ended with {done.returncode}")
    return path
