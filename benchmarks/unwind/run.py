# SPDX-License-Identifier: Apache-2.0
"""Runs program.py under the sampler with each Python and prints one row for each."""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SAMPLER = HERE.parents[1] / "build/release/lib/libunwind_sampler.so"


def found_pythons():
    places = ["/usr/bin/python3", "~/.pyenv/versions/3.*/bin/python", "~/.cache/memwhy/torch*/bin/python"]
    places += ["~/.cache/memwhy/pythons/*/bin/python3"]
    return [path for place in places for path in sorted(glob.glob(os.path.expanduser(place)))]


def measure(python, seconds):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "rate.json")
        environment = dict(os.environ, LD_PRELOAD=str(SAMPLER), MEMWHY_UNWIND_RATE=str(out))
        done = subprocess.run(
            [python, str(HERE / "program.py"), str(seconds)], env=environment, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"{python}: the program ended with {done.returncode}")
        return json.loads(out.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pythons", nargs="*")
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    wrong = 0
    print("samples  same     cut   wrong  frames  libgcc/ours  python")
    for python in arguments.pythons or found_pythons():
        rate = measure(python, arguments.seconds)
        samples = rate["samples"]
        if samples == 0:
            print(f"{python}: no sample; needs glibc 2.35")
            continue
        wrong += rate["wrong"]
        print(
            f"{samples:7}  {100 * rate['same'] / samples:6.2f}%  {rate['marked']:4}  {rate['wrong']:5}"
            f"  {rate['frames'] / samples:6.1f}  {rate['libgcc_ns'] / rate['ours_ns']:10.1f}x  {python}"
        )
    if wrong:
        sys.exit(f"{wrong} stacks differ from libgcc's and do not say that they are cut")


main()
