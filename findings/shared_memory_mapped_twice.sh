#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A segment that one process attaches twice counts twice in RSS and vanishes from USS.
#
# Guess:   RSS counts a page of a process once; USS, "what would be freed if it ended now", counts
#          every page that no other process has.
# Seen:    the kernel counts mappings, not pages, and calls a page with two mappings shared. With a
#          SharedMemory of 200 MiB created and attached again by name in the same process, RSS rises
#          by 400 MiB and USS by nothing; PSS alone stays right. One attachment closed, USS jumps.
# Matters: producer and consumer of a shared ring, cache or tensor store often meet in one process,
#          in tests above all. Budgets by RSS then see double, dashboards by USS see none.
# Version: Linux 6.18, psutil 7.2.2, NumPy 2.4.6, CPython 3.11.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  psutil==7.2.2 numpy==2.4.6
export PYTHONPATH=$folder/packages

python3 - <<'EOF'
import sys
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import psutil

MIB = 1 << 20
SIZE = 200 * MIB


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def about(value, mib):
    return abs(value - mib * MIB) < 30 * MIB


def report(when):
    """Growth of RSS, PSS and USS since the start."""
    now = psutil.Process().memory_full_info()
    grown = (now.rss - start.rss, now.pss - start.pss, now.uss - start.uss)
    print(f"{when}: rss {grown[0] / MIB:+7.1f}, pss {grown[1] / MIB:+7.1f}, "
          f"uss {grown[2] / MIB:+7.1f} MiB")
    return grown


start = psutil.Process().memory_full_info()
producer = SharedMemory(create=True, size=SIZE)
try:
    np.ndarray(SIZE, np.uint8, producer.buf)[:] = 1
    rss, pss, uss = report("created and filled   ")
    expect(about(rss, 200) and about(pss, 200) and about(uss, 200), "one mapping")
    consumer = SharedMemory(producer.name)
    total = int(np.ndarray(SIZE, np.uint8, consumer.buf).sum())
    rss, pss, uss = report("attached again, read ")
    expect(total == SIZE, "the second mapping shows other memory")
    expect(about(rss, 400), "RSS counts a page once")
    expect(about(pss, 200), "PSS is not the size of the segment")
    expect(about(uss, 0), "USS counts memory that only this process has")
    consumer.close()
    rss, pss, uss = report("second one closed    ")
    expect(about(rss, 200) and about(uss, 200), "after the second mapping")
finally:
    producer.close()
    producer.unlink()
EOF
