#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A finished sqlite3 statement keeps a private copy of its last parameters.
#
# Guess:   when the rows are fetched and the parameters are deleted, nothing of them is left.
# Seen:    SQLite copied each parameter; the connection's cache of prepared statements (128 by
#          default) resets a statement but does not clear its bindings. The copies stay until the
#          same SQL text runs again, the cache drops it, or the connection is closed. They are not
#          visible to tracemalloc.
# Matters: a store of documents, embeddings or pickles that writes with a few differing SQL texts
#          holds the largest recent value of each of them, in every open connection.
# Version: sqlite3 of CPython 3.11 and pysqlite3-binary 0.5.4.post2 (SQLite 3.51.1), Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  pysqlite3-binary==0.5.4.post2
export PYTHONPATH=$folder/packages

for module in sqlite3 pysqlite3.dbapi2; do
  python3 - "$module" <<'EOF'
import ctypes
import gc
import importlib
import sys
import tracemalloc

MIB = 1 << 20


def anonymous():
    """Resident anonymous bytes of this process, after everything free was returned."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Anonymous:"))


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


sqlite = importlib.import_module(sys.argv[1])
connection = sqlite.connect(":memory:")
connection.execute("SELECT 1").fetchall()
tracemalloc.start()
base, traced = anonymous(), tracemalloc.get_traced_memory()[0]
for number in range(8):
    connection.execute(f"SELECT length(?) -- {number}", (b"x" * (8 * MIB),)).fetchall()
kept = anonymous() - base
seen = tracemalloc.get_traced_memory()[0] - traced
print(f"{sys.argv[1]}, SQLite {sqlite.sqlite_version}")
print(f"8 finished statements of 8 MiB:  {kept / MIB:+7.1f} MiB, tracemalloc {seen / MIB:+.1f} MiB")
for number in range(8):
    connection.execute(f"SELECT length(?) -- {number}", (b"x",)).fetchall()
rebound = anonymous() - base
print(f"run again with one byte each:    {rebound / MIB:+7.1f} MiB")
connection.execute("SELECT length(?)", (b"x" * (64 * MIB),)).fetchall()
single = anonymous() - base
connection.close()
closed = anonymous() - base
print(f"one of 64 MiB:                   {single / MIB:+7.1f} MiB")
print(f"connection closed:               {closed / MIB:+7.1f} MiB")

expect(kept > 56 * MIB, "finished statements give their parameters back")
expect(seen < MIB, "tracemalloc sees the copies")
expect(rebound < 8 * MIB, "a new binding does not replace the old one")
expect(single > 56 * MIB, "a single statement gives its parameter back")
expect(closed < 8 * MIB, "closing the connection does not release them")
EOF
done
