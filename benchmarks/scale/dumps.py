# SPDX-License-Identifier: Apache-2.0
"""What heap dumps of a live process cost, and what reading them costs; bare clones in between."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

LIMIT_S = 600
SAMPLE_S = 0.002
CLONE_NAME = "memwhy-dump"


class RunFailed(Exception):
    """A command did not end well, or its result is not that of the workload."""


class Service:
    """service.py under `memwhy run`; ends with the `with` block."""

    def __init__(self, memwhy, python, objects, scratch):
        self.memwhy = str(memwhy)
        self.session = scratch / "s.mwy"
        self.dump_path = scratch / "d.heap"
        shutil.rmtree(self.session, ignore_errors=True)
        here = Path(__file__).resolve().parent
        program = [str(python), str(here / "service.py"), str(objects), str(scratch / "clone.so")]
        self.process = subprocess.Popen(
            [self.memwhy, "run", "-o", str(self.session), "--", *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self):
        said = self._answer()
        self.pid, self.objects = said["pid"], said["objects"]
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.session, ignore_errors=True)
        self.dump_path.unlink(missing_ok=True)

    def clone_ms(self):
        """Milliseconds of one bare clone."""
        self.process.stdin.write("clone\n")
        self.process.stdin.flush()
        took = self._answer()["ms"]
        if took < 0:
            raise RunFailed("the kernel refused a clone")
        return took

    def dump(self, *options):
        """Takes a dump and reads it with `heap types`; returns the numbers of both.

        dump_s: as the command says; dump_cpu_s: CPU time of the command, clone_cpu_s: of the clone;
        types_s, types_cpu_s, types_rss: of the whole `heap types`; and the facts of the dump.
        """
        before = self.children_cpu_s()
        _, said, dumped = run(self._dump_command(*options))
        clone_cpu_s = self.children_cpu_s() - before
        found = re.search(r"done after ([0-9.]+) s", said)
        if found is None:
            raise RunFailed(f"heap dump did not say how long it took: {said}")
        begun = time.perf_counter()
        text, _, usage = run(
            [self.memwhy, "heap", "types", str(self.dump_path), "--json", "--top", "1"]
        )
        types_s = time.perf_counter() - begun
        facts = json.loads(text)["dump"]
        if not facts["complete"] or facts["objects"] < self.objects:
            raise RunFailed(f"the dump is not whole: {facts}")
        return {
            **facts,
            "dump_s": float(found.group(1)),
            "dump_cpu_s": dumped.ru_utime + dumped.ru_stime,
            "clone_cpu_s": clone_cpu_s,
            "types_s": types_s,
            "types_cpu_s": usage.ru_utime + usage.ru_stime,
            "types_rss": usage.ru_maxrss * 1024,
        }

    def clone_memory(self, *options):
        """Takes a dump and samples the clone's memory meanwhile.

        Returns the largest private_dirty (with what two clones share with each other alone) and
        page_tables of all clones together in bytes, and how many samples there are:
        with 0 the clone lived too shortly to be seen. Sampling slows the dump: no time is taken.
        """
        return self.command_memory(self._dump_command(*options))

    def command_memory(self, arguments):
        """The same of the clones of any command."""
        known = set(os.listdir("/proc"))
        command = subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        largest = {"private_dirty": 0, "page_tables": 0, "samples": 0}
        while command.poll() is None:
            clones = find_clones(self.pid, known)
            dirty = sum(map(private_bytes, clones))
            tables = [kilobytes(f"/proc/{clone}/status", "VmPTE") for clone in clones]
            if dirty:
                largest["private_dirty"] = max(largest["private_dirty"], dirty)
                largest["page_tables"] = max(largest["page_tables"], sum(t or 0 for t in tables))
                largest["samples"] += 1
            time.sleep(SAMPLE_S)
        if command.returncode != 0:
            raise RunFailed(f"heap {arguments[2]} ended with {command.returncode}")
        return largest

    def children_cpu_s(self):
        """CPU time of all ended children of the service, to 10 ms each."""
        text = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = text.rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def _dump_command(self, *options):
        self.dump_path.unlink(missing_ok=True)
        return [self.memwhy, "heap", "dump", str(self.pid), "-o", str(self.dump_path), *options]

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RunFailed("the service ended early")
        return json.loads(line)


def measure(memwhy, python, objects, repeats, scratch):
    """Returns {clone_ms: [..], default: [..], no_scan: [..], memory: {..}} of one service."""
    with Service(memwhy, python, objects, scratch) as service:
        service.dump()  # the first one touches what the service has never touched
        rounds = {"clone_ms": [], "default": [], "no_scan": []}
        jobs = [
            ("clone_ms", service.clone_ms),
            ("default", service.dump),
            ("no_scan", lambda: service.dump("--no-scan")),
        ]
        for _ in range(repeats):
            for name, job in jobs:
                rounds[name].append(job())
            jobs.append(jobs.pop(0))  # whoever comes first finds the caches cold
        memory = {
            "default": service.clone_memory(),
            "no_scan": service.clone_memory("--no-scan"),
        }
        return {**rounds, "memory": memory}


def run(command):
    """Returns (stdout, stderr, resource usage of the command)."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    # Both are short: neither pipe fills while the other one is read.
    out, err = process.stdout.read(), process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RunFailed(f"{' '.join(command[:3])} ended with {process.returncode}: {err[-800:]}")
    return out, err, usage


def find_clones(parent, known):
    """Returns the pids of the parent's clones, none of the known ones."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or name in known:
            continue
        try:
            status = Path(f"/proc/{name}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if status.startswith(f"Name:\t{CLONE_NAME}\n") and f"\nPPid:\t{parent}\n" in status:
            found.append(int(name))
    return found


def private_bytes(pid):
    """Returns what a clone has of its own, and its share of what two share; 0 when it is gone."""
    total, is_shared = 0, False
    try:
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line[0] in "0123456789abcdef":
                    is_shared = line.endswith("/dev/zero (deleted)\n")
                elif line.startswith("Pss:" if is_shared else "Private_Dirty:"):
                    total += int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return total


def kilobytes(path, name):
    """Returns the bytes of a line `name: N kB`; None when the process is gone or has no memory."""
    try:
        with open(path, encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
