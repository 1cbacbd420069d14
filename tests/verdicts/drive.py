# SPDX-License-Identifier: Apache-2.0
"""Serves requests of one of the programs at a steady rate; marks each as done.

usage: drive.py PROGRAM [--clean] [--seconds S] [--rate R]
"""

import argparse
import importlib
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "programs"))
sys.path.append(str(HERE.parents[1] / "python"))

from memwhy import mark  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=50)
    arguments = parser.parse_args()
    request = importlib.import_module(arguments.program).request
    start = time.monotonic()
    number = 0
    while time.monotonic() - start < arguments.seconds:
        request(number, arguments.clean)
        mark("request")
        number += 1
        time.sleep(max(0.0, number / arguments.rate - (time.monotonic() - start)))


main()
