# SPDX-License-Identifier: Apache-2.0
"""One measured run of a workload under one tool, each with a real file on disk."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple, Optional

NONE, MEMWHY, MEMRAY = "none", "memwhy", "memray"
LIMIT_S = 600


class RunFailed(Exception):
    """The workload did not end well; the message says how and shows its last output."""


class Tool(NamedTuple):
    """How a workload is run: by no tool, memwhy or memray."""

    name: str
    python: Path
    memwhy: Optional[Path]
    has_objects: bool = False  # every Python object, not only what reaches malloc

    def command_line(self, workload, output):
        """Returns the argument vector; `workload` is a script with its arguments."""
        if self.name == MEMWHY:
            mode = ["--objects"] if self.has_objects else []
            head = [str(self.memwhy), "run", *mode, "-o", str(output), "--", str(self.python)]
        elif self.name == MEMRAY:
            mode = ["--trace-python-allocators"] if self.has_objects else []
            head = [str(self.python), "-m", "memray", "run", *mode, "-q", "-f", "-o", str(output)]
        else:
            head = [str(self.python)]
        return [*head, *workload]


def run(tool, workload, output):
    """Runs once and returns its numbers.

    seconds: inside the workload's fixed work; wall_s: of the whole command, with start-up and the
    tool's own end; cpu_s: of all its processes; peak_rss_bytes: of its largest process;
    file_bytes: what the tool left on disk, apparent size. Raises RunFailed.
    """
    remove(output)
    log = output.with_suffix(".log")
    with open(log, "w+b") as stream:
        begun = time.perf_counter()
        process = subprocess.Popen(
            tool.command_line(workload, output),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        status, usage = wait(process)
        wall_s = time.perf_counter() - begun
        stream.seek(0)
        text = stream.read().decode("utf-8", "replace")
    log.unlink()
    result = last_result(text)
    if status != 0 or result is None:
        raise RunFailed(f"{output.stem} under {tool.name}: exit {status}: {text[-800:]}")
    numbers = {
        "seconds": result["seconds"],
        "checksum": result["checksum"],
        "wall_s": wall_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_rss_bytes": usage.ru_maxrss * 1024,
        "file_bytes": size_of(output),
    }
    remove(output)
    return numbers


def wait(process):
    """Waits for the process, at most LIMIT_S. Returns (exit status, resource usage)."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(0.005)


def last_result(text):
    """Returns the workload's JSON line, the last one in the output, or None."""
    for line in reversed(text.splitlines()):
        if line.startswith('{"seconds"'):
            return json.loads(line)
    return None


def size_of(path: Path):
    """Returns the bytes of a file, or of all files below a directory; 0 when absent."""
    if path.is_dir():
        return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())
    return path.stat().st_size if path.exists() else 0


def remove(path: Path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
