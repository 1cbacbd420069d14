#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Only reading fresh shared memory allocates it, unless it is read by read(2).
#
# Guess:   reading memory that nobody wrote is free: the kernel maps its one page of zeros, as it
#          does for np.zeros.
# Seen:    that holds for private memory only. The first read of each page of a mapped SharedMemory,
#          memfd or file of tmpfs allocates the page, for good; read(2) of the same empty range
#          returns zeros and allocates nothing.
# Matters: a sum, a checksum or a debugger's scan over a preallocated shared buffer makes all of it
#          resident and charges it to the cgroup of the process that looked.
# Version: Linux 6.18, NumPy 2.4.6, CPython 3.11.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  numpy==2.4.6
export PYTHONPATH=$folder/packages

python3 - <<'EOF'
import mmap
import os
import sys

import numpy as np

MIB = 1 << 20
SIZE = 128 * MIB


def resident():
    """Resident bytes of this process, all kinds."""
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Rss:"))


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


base = resident()
private = np.zeros(SIZE, np.uint8)
expect(int(private.sum()) == 0, "np.zeros is not zero")
grown = resident() - base
print(f"np.zeros, summed:             rss {grown / MIB:+6.1f} MiB")
expect(grown < 16 * MIB, "reading private zeros allocates")
del private

handle = os.memfd_create("buffer")
os.ftruncate(handle, SIZE)
read = sum(len(os.pread(handle, MIB, offset)) for offset in range(0, SIZE, MIB))
after_read = os.fstat(handle).st_blocks * 512
print(f"memfd, {read / MIB:.0f} MiB by pread:     allocated {after_read / MIB:6.1f} MiB")
expect(read == SIZE and after_read < MIB, "read(2) of a hole allocates")

base = resident()
shared = mmap.mmap(handle, SIZE, prot=mmap.PROT_READ)
total = int(np.frombuffer(shared, np.uint8).sum())
allocated = os.fstat(handle).st_blocks * 512
grown = resident() - base
print(f"memfd, mapped read-only, sum: allocated {allocated / MIB:6.1f} MiB, "
      f"rss {grown / MIB:+6.1f} MiB")
expect(total == 0, "a hole is not zero")
expect(allocated > SIZE - MIB and grown > SIZE - 16 * MIB, "reading a shared hole is free")
EOF
