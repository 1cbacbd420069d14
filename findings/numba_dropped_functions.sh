#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A compiled numba function that is dropped leaves its machine code and its module behind.
#
# Guess:   a function made with @njit inside of another function, compiled, called and dropped, is
#          collected with all that belongs to it.
# Seen:    the dispatcher is collected (no weak reference is alive), and some 700 kB for each stay:
#          the process-wide execution engine keeps every module that it was given. It does not level
#          off.
# Matters: njit over a closure per request, per user formula or per model is a steady leak, for
#          which neither gc nor the count of functions gives a sign.
# Version: numba 0.68.1, llvmlite 0.50.0, NumPy 2.4.6, CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  numba==0.68.1 llvmlite==0.50.0 numpy==2.4.6
export PYTHONPATH=$folder/packages

python3 - <<'EOF'
import ctypes
import gc
import sys
import weakref

import numba

ROUND = 20


def anonymous():
    """Resident anonymous bytes of this process, after everything free was returned."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Anonymous:"))


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def scaled(factor):
    @numba.njit
    def scale(value):
        return value * factor
    return scale


def compile_and_drop(count):
    """Weak references to functions that were compiled, called and dropped."""
    references = []
    for number in range(count):
        function = scaled(number)
        expect(function(1.5) == 1.5 * number, "wrong result")
        references.append(weakref.ref(function))
    return references


compile_and_drop(5)
for turn in (1, 2):
    base = anonymous()
    references = compile_and_drop(ROUND)
    each = (anonymous() - base) // ROUND
    alive = sum(reference() is not None for reference in references)
    print(f"round {turn}: {ROUND} functions dropped, {alive} alive, {each:,} bytes kept for each")
    expect(alive == 0, "dropped functions are alive")
    expect(each > 200_000, "a dropped function takes its code along")
EOF
