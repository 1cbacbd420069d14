#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sparse memory costs twice its RSS, and giving back the pages returns only half.
#
# Guess:   page tables are a fraction of a per cent of memory, and follow it.
# Seen:    a page table serves 2 MiB. Where one small page in each 2 MiB is touched, every page of
#          RSS brings a page of page tables with it (VmPTE), which no resident size contains but
#          the cgroup is charged for. MADV_DONTNEED of those pages empties RSS and leaves the
#          tables; munmap frees them.
# Matters: sparse arenas, hash tables in large mappings and allocators that purge page by page: the
#          container's usage exceeds the sum of RSS, and does not come down with it.
# Version: Linux 6.18, x86-64 pages of 4 KiB, CPython 3.11 (no package needed).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 - <<'EOF'
import mmap
import sys

MIB = 1 << 20
STEP = 2 * MIB  # what one page table serves
PAGES = 16_384
MAP_NORESERVE = 0x4000
MADV_NOHUGEPAGE = 15


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def status(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def report(when):
    grown = (status("RssAnon") - base[0], status("VmPTE") - base[1])
    print(f"{when}: rss {grown[0] / MIB:+6.1f} MiB, page tables {grown[1] / MIB:+6.1f} MiB")
    return grown


base = (status("RssAnon"), status("VmPTE"))
memory = mmap.mmap(-1, PAGES * STEP,
                   flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
memory.madvise(MADV_NOHUGEPAGE)
for number in range(PAGES):
    memory[number * STEP] = 1
touched = report(f"{PAGES:,} pages touched   ")
for number in range(PAGES):
    memory.madvise(mmap.MADV_DONTNEED, number * STEP, mmap.PAGESIZE)
purged = report("each page given back   ")
memory.close()
closed = report("unmapped               ")

size = PAGES * mmap.PAGESIZE
expect(touched[0] > 0.9 * size and touched[1] > 0.9 * size, "a page brings no page table")
expect(purged[0] < 0.1 * size, "MADV_DONTNEED leaves the pages")
expect(purged[1] > 0.9 * size, "MADV_DONTNEED of single pages frees page tables")
expect(closed[1] < 0.1 * size, "munmap leaves page tables")
EOF
