#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A small program reports its parent's peak as its own: ru_maxrss passes through exec.
#
# Guess:   getrusage(RUSAGE_SELF).ru_maxrss of a new program is the peak of that program.
# Seen:    exec keeps the larger of the two peaks, and the child of a vfork (subprocess since
#          CPython 3.10) shares its parent's memory until exec. So an interpreter of 8 MiB that a
#          service of 400 MiB starts reports 400 MiB, even when the service freed them before.
#          VmHWM in /proc/self/status is right. A real fork after the release is right, too.
# Matters: benchmarks, test runners and job schedulers that start workers from a large process read
#          a peak that no worker had; a budget by ru_maxrss fails or passes with the parent's size.
# Version: Linux 6.18, glibc 2.36, CPython 3.11 (no package needed).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 - <<'EOF'
import subprocess
import sys

MIB = 1 << 20
CHILD = """
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")))
"""


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def child(when, **options):
    """ru_maxrss and VmHWM that a fresh, small interpreter reports of itself."""
    answer = subprocess.run([sys.executable, "-S", "-c", CHILD], stdout=subprocess.PIPE, text=True,
                            check=True, **options)
    maxrss, mark = (int(line) for line in answer.stdout.split())
    print(f"{when}: ru_maxrss {maxrss / MIB:5.0f} MiB, VmHWM {mark / MIB:4.0f} MiB")
    expect(mark < 64 * MIB, "VmHWM is inherited")
    return maxrss


before = child("small parent           ")
ballast = b"x" * (400 * MIB)
during = child("parent holds 400 MiB   ")
del ballast
after = child("parent freed 400 MiB   ")
# A function to call in the child makes subprocess fork instead of vfork.
forked = child("the same, with a fork  ", preexec_fn=lambda: None)

expect(before < 64 * MIB, "a small parent's child is large")
expect(during > 400 * MIB, "the parent's memory is not inherited")
expect(after > 400 * MIB, "the parent's former peak is not inherited")
expect(forked < 64 * MIB, "a fork inherits the former peak")
EOF
