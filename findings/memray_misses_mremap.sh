#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# memray does not see a mapping grow.
#
# Guess:   a tool that records mmap and munmap counts what an mmap object holds.
# Seen:    mmap.resize() grows in place or moves by mremap(2), which is not recorded. A buffer
#          enlarged from 1 MiB to 256 MiB and filled is 1 MiB in the report; the same 256 MiB mapped
#          at once are 256 MiB.
# Matters: arenas and append-only indexes that grow by mremap are missing from the peak and from the
#          flame graph, while RSS and the cgroup count them in full.
# Version: memray 1.20.0, CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  memray==1.20.0
export PYTHONPATH=$folder/packages

cd "$folder"
python3 - <<'EOF'
import mmap
import sys

import memray

MIB = 1 << 20
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


def anonymous():
    """Resident anonymous bytes of this process."""
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Anonymous:"))


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def fill(buffer):
    for offset in range(0, len(buffer), mmap.PAGESIZE):
        buffer[offset] = 1


def peak_of(name, make):
    """What memray reports as the peak, and how much memory became resident."""
    base = anonymous()
    with memray.Tracker(f"{name}.bin"):
        buffer = make()
        fill(buffer)
        resident = anonymous() - base
        buffer.close()
    peak = memray.FileReader(f"{name}.bin").metadata.peak_memory
    print(f"{name}: resident {resident / MIB:+.1f} MiB, memray's peak {peak / MIB:.1f} MiB")
    return resident, peak


def resized():
    buffer = mmap.mmap(-1, MIB, flags=PRIVATE)
    buffer.resize(256 * MIB)
    return buffer


resident, peak = peak_of("mapped", lambda: mmap.mmap(-1, 256 * MIB, flags=PRIVATE))
expect(resident > 250 * MIB and peak > 250 * MIB, "memray no longer counts mappings")
resident, peak = peak_of("resized", resized)
expect(resident > 250 * MIB, "the resized buffer is not resident")
expect(peak < 16 * MIB, "memray sees mremap")
EOF
