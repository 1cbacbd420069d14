#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One lookup by label makes a DataFrame several times larger, for good.
#
# Guess:   df.loc[label] reads.
# Seen:    the first lookup builds a hash table over the whole index, which stays with the index and
#          with every frame derived from it. An index of 900,000 integers goes from 7 to 41 MB.
#          With text labels (stored by pyarrow) the process grows by almost three times as much, of
#          which memory_usage(deep=True) reports a third.
# Matters: a table that is loaded once and served by key grows at the first request, once per
#          process: after a fork, once in each worker, where it looks like copy on write.
# Version: pandas 3.1.1, pyarrow 26.0.1, NumPy 2.4.6, CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6
export PYTHONPATH=$folder/packages

python3 - <<'EOF'
import ctypes
import gc
import sys

import numpy as np
import pandas as pd

MB = 1_000_000
COUNT = 900_000


def anonymous():
    """Resident anonymous bytes of this process, after everything free was returned."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Anonymous:"))


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def look_up(kind, labels, label):
    """Bytes of the index before and after one lookup, and by how much the process grew."""
    frame = pd.DataFrame({"value": np.arange(COUNT, dtype=float)}, index=labels)
    before, base = frame.index.memory_usage(deep=True), anonymous()
    frame.loc[label]
    after, grown = frame.index.memory_usage(deep=True), anonymous() - base
    print(f"{kind}: index {before / MB:.1f} MB, after one lookup {after / MB:.1f} MB; "
          f"the process grew by {grown / MB:.1f} MB")
    derived = (frame + 1).index.memory_usage(deep=True)
    expect(derived == after, "a frame derived from it has an index without the table")
    return before, after, grown


numbers = np.random.default_rng(1).permutation(COUNT)
before, after, grown = look_up("integers", numbers, 5)
expect(after > 4 * before, "the table of integers is not counted")
expect(grown > 20 * MB, "a lookup of integers does not grow the process")
before, after, grown = look_up("text    ", [f"user-{number}" for number in numbers], "user-5")
expect(grown > 50 * MB, "a lookup of text does not grow the process")
expect(grown > 1.5 * (after - before), "memory_usage(deep=True) counts all of it")
EOF
