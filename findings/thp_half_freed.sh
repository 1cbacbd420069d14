#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Half of each huge page is given back: RSS halves, the cgroup's charge does not move.
#
# Guess:   madvise(MADV_DONTNEED) takes memory from RSS and from the cgroup alike.
# Seen:    a huge page stays whole as long as one of its 512 small pages is in use; it is split only
#          when the kernel needs memory. Until then the cgroup pays for all of it. Its memory.stat
#          disagrees with itself: rss counts the half, inactive_anon the whole.
# Matters: allocators purge in small pages. On a service with transparent huge pages the purge shows
#          in RSS, while the number that the OOM killer's limit applies to stays.
# Version: Linux 6.18, cgroup v1, CPython 3.11. Needs root and the v1 memory controller (else exits
#          with 3), huge pages at "madvise" or "always". No package needed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
group=/sys/fs/cgroup/memory/thp_half_freed.$$
if ! mkdir "$group" 2>/dev/null; then
  echo "cannot: needs root and /sys/fs/cgroup/memory (cgroup v1)" >&2
  exit 3
fi
trap 'rmdir "$group"; rm -rf "$folder"' EXIT

python3 - "$group" <<'EOF'
import ctypes
import mmap
import os
import sys
from pathlib import Path

MIB = 1 << 20
SIZE = 256 * MIB
group = Path(sys.argv[1])


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def rollup(field):
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def charge():
    return int((group / "memory.usage_in_bytes").read_text())


def stat(field):
    lines = (group / "memory.stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.split()[0] == field)


(group / "cgroup.procs").write_text(str(os.getpid()))
memory = mmap.mmap(-1, SIZE + 2 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
first = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % (2 * MIB)
memory.madvise(mmap.MADV_HUGEPAGE)
base_rss, base_charge = rollup("Rss"), charge()
for offset in range(first, first + SIZE, mmap.PAGESIZE):
    memory[offset] = 1
huge = rollup("AnonHugePages")
full = (rollup("Rss") - base_rss, charge() - base_charge)
print(f"256 MiB touched, {huge / MIB:.0f} MiB in huge pages: rss {full[0] / MIB:+.0f}, "
      f"cgroup {full[1] / MIB:+.0f} MiB")
if huge < 0.9 * SIZE:
    print("cannot: the kernel gave too few huge pages", file=sys.stderr)
    os._exit(3)
for offset in range(first, first + SIZE, 2 * MIB):
    memory.madvise(mmap.MADV_DONTNEED, offset + MIB, MIB)
half = (rollup("Rss") - base_rss, charge() - base_charge)
print(f"half of each given back:             rss {half[0] / MIB:+.0f}, "
      f"cgroup {half[1] / MIB:+.0f} MiB")
rss, anon = stat("rss"), stat("inactive_anon") + stat("active_anon")
print(f"memory.stat: rss {rss / MIB:.0f} MiB, inactive_anon + active_anon {anon / MIB:.0f} MiB")
memory.madvise(mmap.MADV_DONTNEED)
none = (rollup("Rss") - base_rss, charge() - base_charge)
print(f"all given back:                      rss {none[0] / MIB:+.0f}, "
      f"cgroup {none[1] / MIB:+.0f} MiB")

failures = [what for holds, what in (
    (half[0] < 0.6 * SIZE, "RSS keeps the half"),
    (half[1] > 0.9 * SIZE, "the cgroup's charge falls with RSS"),
    (rss < 0.6 * SIZE and anon > 0.9 * SIZE, "memory.stat agrees with itself"),
    (none[1] < 0.1 * SIZE, "the charge stays when all is given back")) if not holds]
Path("/sys/fs/cgroup/memory/cgroup.procs").write_text(str(os.getpid()))
expect(not failures, "; ".join(failures))
EOF
