#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 200,000 leaked records do not appear in objgraph.
#
# Guess:   objgraph.growth(), the usual first look at a leak, reports dict +200,000.
# Seen:    a dict whose values are only text and numbers is not tracked by the collector (up to
#          CPython 3.13), and objgraph lists what the collector tracks. A leak of parsed JSON
#          records, the commonest kind of record, changes no count. One list inside each record, and
#          the same leak is reported in full.
# Matters: "no type grows, so it must be native" is the wrong conclusion; RSS rises by 100 MiB here.
# Version: objgraph 3.7.0, CPython 3.11.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  objgraph==3.7.0
export PYTHONPATH=$folder/packages

python3 - <<'EOF'
import json
import sys

import objgraph

MIB = 1 << 20
COUNT = 200_000


def anonymous():
    """Resident anonymous bytes of this process."""
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Anonymous:"))


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def leak(template):
    """The records, and what objgraph says about dicts after they were made."""
    objgraph.growth(limit=None)
    base = anonymous()
    records = [json.loads(template % number) for number in range(COUNT)]
    grown = {name: delta for name, _, delta in objgraph.growth(limit=None)}
    print(f"{template % 0}: rss {(anonymous() - base) / MIB:+6.1f} MiB, "
          f"dict {grown.get('dict', 0):+,} in objgraph.growth()")
    return records, grown.get("dict", 0), anonymous() - base


flat, seen, resident = leak('{"id": %d, "user": "someone", "score": 0.5}')
expect(seen < 1000, "objgraph sees flat records")
expect(resident > 40 * MIB, "the records take little memory")
nested, seen, _ = leak('{"id": %d, "user": "someone", "tags": []}')
expect(seen >= COUNT, "objgraph misses nested records, too")
expect(len(flat) == len(nested) == COUNT, "records were lost")
EOF
