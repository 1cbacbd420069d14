# SPDX-License-Identifier: Apache-2.0
"""Measures what memwhy.MemoryTraceHook costs for each call of a module.

One process of the Python that runs this, which must have torch. A model of 100 small modules is
called without hooks, with an empty pair of forward hooks on each module, and with MemoryTraceHook,
by turns. Printed are the medians of CPU time, in microseconds for each call of a module.

    PYTHON benchmarks/trace_hook/run.py [--rounds N] [--calls N]

Exit code 0; 3 without torch.
"""

import argparse
import contextlib
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

MODULES = 100


@contextlib.contextmanager
def empty_pair(model):
    handles = []
    for module in model.modules():
        handles.append(module.register_forward_pre_hook(lambda module, inputs: None))
        handles.append(module.register_forward_hook(lambda module, inputs, output: None))
    yield
    for handle in handles:
        handle.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=50)
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("no torch in this Python", file=sys.stderr)
        return 3
    import memwhy

    model = torch.nn.Sequential(*[torch.nn.Identity() for _ in range(MODULES)])
    batch = torch.rand(4)
    ways = {
        "no hook": contextlib.nullcontext,
        "empty pair": lambda: empty_pair(model),
        "MemoryTraceHook": lambda: memwhy.MemoryTraceHook(model),
    }
    taken = {name: [] for name in ways}
    with torch.no_grad():
        for _ in range(options.rounds):
            for name, way in ways.items():
                with way():
                    model(batch)
                    begun = time.process_time()
                    for _ in range(options.calls):
                        model(batch)
                    seconds = time.process_time() - begun
                taken[name].append(seconds / options.calls / (MODULES + 1) * 1e6)
    for name, values in taken.items():
        print(f"{name:>16} {statistics.median(values):8.2f} us for each call of a module")
    over = statistics.median(taken["MemoryTraceHook"]) - statistics.median(taken["empty pair"])
    print(f"{'above the pair':>16} {over:8.2f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
