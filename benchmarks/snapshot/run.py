# SPDX-License-Identifier: Apache-2.0
"""Reads one snapshot of many events with memwhy and with PyTorch's own reader, by turns.

    PYTHON benchmarks/snapshot/run.py [--events N] [--rounds N] [--keep FILE]

PYTHON needs torch 2 for the second reader; without it only memwhy is measured. Exit code 0.
"""

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import device_snapshot  # noqa: E402

MEMWHY = Path(os.environ.get("MEMWHY_BUILD", ROOT / "build/release")) / "bin/memwhy"
# torch/cuda/_memory_viz.py alone: `import torch` would count as its cost.
VIZ = """
import importlib.util, pickle, sys
spec = importlib.util.spec_from_file_location("viz", sys.argv[1])
viz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(viz)
viz.segsum(pickle.load(open(sys.argv[2], "rb")))
"""


class Recording(device_snapshot.Device):
    """Each event has a list of frames of its own, 20 deep."""

    def __init__(self):
        super().__init__()
        self.outer = device_snapshot.Frames().stack(
            *((f"layer{i}.py", 10 + i, f"call{i}") for i in range(17)))

    def note(self, action, address, size, frames):
        super().note(action, address, size, [*frames, *self.outer])


def make(path, events):
    device = Recording()
    steps = 0
    while len(device.events) < events:
        # the same live blocks go on: busy() frees what it made
        steps += 1
        before = len(device.events)
        device_snapshot.busy(20_000, seed=steps, device=device)
        for address in list(device.live)[: -200 if len(device.live) > 200 else None]:
            device.dealloc(address, [])
        assert len(device.events) > before
    del device.events[:-events]
    device_snapshot.write(path, device.snapshot())


def run(command):
    """Seconds and peak resident MiB of a command whose output nobody reads."""
    started = time.monotonic()
    child = os.posix_spawn(command[0], command, os.environ,
                           file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(child, 0)
    assert status == 0, (command, status)
    return time.monotonic() - started, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", help="the file; made if it is not there, and kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = options.keep or os.path.join(folder, "snapshot.pickle")
        if not os.path.exists(file):
            # In a process of its own: a child's peak begins at what its parent had.
            if os.fork() == 0:
                make(file, options.events)
                os._exit(0)
            assert os.wait()[1] == 0
        print(f"{options.events} events, {os.path.getsize(file) / 2**20:.0f} MiB")
        commands = {"memwhy snapshot": [str(MEMWHY), "snapshot", file, "--json"]}
        if importlib.util.find_spec("torch"):
            viz = Path(importlib.util.find_spec("torch").origin).parent / "cuda/_memory_viz.py"
            if viz.exists() and "def segsum" in viz.read_text():
                commands["_memory_viz.py"] = [sys.executable, "-c", VIZ, str(viz), file]
        if len(commands) == 1:
            print("no torch 2 in this Python: memwhy alone is measured")
        taken = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                taken[name].append(run(command))
        medians = {}
        for name, runs in taken.items():
            medians[name] = [statistics.median(column) for column in zip(*runs)]
            print(f"{name:<18}{medians[name][0]:8.2f} s{medians[name][1]:9.0f} MiB at most")
        if len(medians) == 2:
            ours, theirs = medians.values()
            print(f"ratio              time {ours[0] / theirs[0]:.2f}, "
                  f"memory {ours[1] / theirs[1]:.2f}")


if __name__ == "__main__":
    main()
