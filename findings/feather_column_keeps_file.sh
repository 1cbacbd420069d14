#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One column read from a Feather file keeps the bytes of all columns.
#
# Guess:   read_table(columns=["c3"]) holds one column; at least get_total_buffer_size(), which is
#          there to count shared buffers in full, tells what it holds.
# Seen:    for an uncompressed file each record batch is read as one piece and the column is a slice
#          of it. nbytes and get_total_buffer_size() both say 8 MB; Arrow's pool holds 160 MB, until
#          the last slice dies. A compressed file (the default) does not do so.
# Matters: a feature store that keeps one of 20 columns in memory keeps all 20, and each number that
#          the column itself offers denies it.
# Version: pyarrow 26.0.1, NumPy 2.4.6, CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  pyarrow==26.0.1 numpy==2.4.6
export PYTHONPATH=$folder/packages

cd "$folder"
python3 - <<'EOF'
import sys

import numpy as np
import pyarrow as pa
from pyarrow import feather


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


random = np.random.default_rng(1)
table = pa.table({f"c{number}": random.random(1_000_000) for number in range(20)})
feather.write_feather(table, "plain.feather", compression="uncompressed")
feather.write_feather(table, "packed.feather", compression="lz4")
whole = table.nbytes
del table

held = {}
for name in ("plain", "packed"):
    base = pa.total_allocated_bytes()
    column = feather.read_table(f"{name}.feather", columns=["c3"], memory_map=False).column("c3")
    held[name] = pa.total_allocated_bytes() - base
    print(f"{name}: nbytes {column.nbytes:,}, get_total_buffer_size() "
          f"{column.get_total_buffer_size():,}, held in the pool {held[name]:,}")
    expect(column.nbytes == 8_000_000, "nbytes of the column")
    expect(column.get_total_buffer_size() < 9_000_000, "get_total_buffer_size() counts the batch")
    if name == "plain":
        copy = pa.concat_arrays(column.chunks)
        del column
        copied = pa.total_allocated_bytes() - base
        print(f"plain, column copied by concat_arrays and dropped: {copied:,}")
        del copy
    else:
        del column
    expect(pa.total_allocated_bytes() == base, "something stays after the column")

expect(held["plain"] > 0.95 * whole, "an uncompressed column holds no more than itself")
expect(held["packed"] < 0.2 * whole, "a compressed file holds all columns, too")
expect(copied < 0.1 * whole, "a copy does not release the batches")
EOF
