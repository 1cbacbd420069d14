# SPDX-License-Identifier: Apache-2.0
"""What the target programs share: arguments, paced and marked operations, the line of truth."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "python"))

try:
    from memwhy import mark
except ImportError:

    def mark(name="request", count=1):
        """Records nothing and returns False."""
        return False


def parse_arguments(description, ops=600, rate=50.0):
    """Returns seconds (None: no limit), ops and rate from the command line."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    parser.add_argument("--ops", type=int, help=f"operations (else by --seconds, or {ops})")
    parser.add_argument("--rate", type=float, default=rate, help="operations per second; 0: all")
    arguments = parser.parse_args()
    if arguments.ops is None and arguments.seconds is None:
        arguments.ops = ops
    return arguments


def operations(arguments):
    """Yields 0, 1, 2 ... at the asked rate until the asked end; marks each as done, as "op"."""
    start = time.monotonic()
    number = 0
    while arguments.ops is None or number < arguments.ops:
        now = time.monotonic() - start
        if arguments.seconds is not None and now >= arguments.seconds:
            return
        if arguments.rate > 0:
            time.sleep(max(0.0, number / arguments.rate - now))
        yield number
        mark("op")
        number += 1


def site(source, function, marker="ALLOCATES"):
    """Returns the site whose line in the file `source` ends with the comment `# marker`."""
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    numbers = [number for number, line in enumerate(lines, 1) if line.endswith(f"# {marker}")]
    if len(numbers) != 1:
        raise ValueError(f"{source}: marker {marker} is on {len(numbers)} lines, not on one")
    return {"function": function, "file": str(Path(source).resolve()), "line": numbers[0]}


def finish(**truth):
    """Prints the truth as the last line of stdout and ends the process at once, with exit code 0.

    At once, because what lives at the end of a recording shall be what the truth says, not what
    the interpreter's shutdown has left of it.
    """
    print(json.dumps(truth), flush=True)
    os._exit(0)
