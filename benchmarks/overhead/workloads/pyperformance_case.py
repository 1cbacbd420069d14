# SPDX-License-Identifier: Apache-2.0
"""Runs one benchmark of pyperformance a fixed number of times and prints how long that took.

    pyperformance_case.py NAME LOOPS [ARGUMENTS OF THE BENCHMARK]

The benchmark is the installed package's own `bm_NAME/run_benchmark.py`. Its pyperf.Runner, which
would calibrate loops and start worker processes, is replaced by one that runs what is registered
LOOPS times in this process, so that the work is the same under every tool.
"""

import argparse
import asyncio
import json
import runpy
import sys
import time
from pathlib import Path

import pyperf
import pyperformance


class FixedRunner:
    """What the benchmarks use of pyperf.Runner. Times everything registered together."""

    loops = 1
    seconds = 0.0
    registered = 0

    def __init__(self, **_):
        self.metadata = {}
        self.argparser = argparse.ArgumentParser()
        self.args = None

    def parse_args(self, arguments=None):
        if self.args is None:
            self.args = self.argparser.parse_args(arguments)
        return self.args

    def bench_func(self, _name, function, *arguments, **_):
        def run():
            for _ in range(FixedRunner.loops):
                function(*arguments)

        self._time(run)

    def bench_time_func(self, _name, function, *arguments, **_):
        self._time(lambda: function(FixedRunner.loops, *arguments))

    def bench_async_func(self, _name, function, *arguments, loop_factory=None, **_):
        def run():
            for _ in range(FixedRunner.loops):
                loop = loop_factory() if loop_factory else asyncio.new_event_loop()
                try:
                    loop.run_until_complete(function(*arguments))
                finally:
                    loop.close()

        self._time(run)

    def _time(self, run):
        self.parse_args()
        begun = time.perf_counter()
        run()
        FixedRunner.seconds += time.perf_counter() - begun
        FixedRunner.registered += 1


def main():
    name, FixedRunner.loops = sys.argv[1], int(sys.argv[2])
    folder = Path(pyperformance.__file__).parent / "data-files" / "benchmarks" / f"bm_{name}"
    script = folder / "run_benchmark.py"
    pyperf.Runner = FixedRunner
    sys.argv = [str(script), *sys.argv[3:]]
    sys.path.insert(0, str(folder))
    runpy.run_path(str(script), run_name="__main__")
    if FixedRunner.registered == 0:
        sys.exit(f"bm_{name} registered nothing to run")
    # What a benchmark computes is its own business; that it ran to its end is checked.
    result = {"seconds": FixedRunner.seconds, "checksum": FixedRunner.registered}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
