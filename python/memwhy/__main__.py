# SPDX-License-Identifier: Apache-2.0
"""The `memwhy` console script and `python -m memwhy`: becomes the native command."""

import os
import sys
from pathlib import Path

from memwhy._command import CommandNotFound, find_command

EXIT_ENVIRONMENT = 3


def main():
    """Replaces this process by the native command, with the same arguments.

    Returns only when that cannot be done: prints why and returns exit code 3.
    """
    try:
        command = find_command(os.environ, Path(__file__).resolve().parent)
        os.execv(command, [str(command), *sys.argv[1:]])
    except (CommandNotFound, OSError) as error:
        print(f"memwhy: {error}", file=sys.stderr)
    return EXIT_ENVIRONMENT


if __name__ == "__main__":
    sys.exit(main())
