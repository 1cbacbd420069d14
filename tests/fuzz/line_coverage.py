#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Line coverage of what reads hostile sessions and rings, from gcov's counters.

usage: line_coverage.py BUILD [--missing]
Prints a table; --missing also the lines that never ran. Ends with 1 when the session's reader is
below 85 %.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LEAST_PERCENT = 85
# What only writes, or only tests, stands in the same folders.
WRITERS = {
    "column_buffer.h", "column_encoder.cc", "column_encoder.h", "fake_ring.h", "session_builder.cc",
    "session_builder.h", "stream_encoder.cc", "stream_encoder.h", "temporary_directory.h",
    "writer.cc", "writer.h",
}
RING_READERS = {"ring_map.cc", "ring_map.h", "ring_guard.cc", "ring_guard.h", "drain.cc", "drain.h"}


def group_of(path):
    """The table's group of a source file, or None."""
    folder, name = os.path.split(os.path.relpath(path, ROOT))
    if folder == "src/session" and name not in WRITERS and not name.endswith("_test.cc"):
        return "session reader"
    if folder == "src/recorder" and name in RING_READERS:
        return "recorder's ring"
    return None


def read_counts(build):
    """{(group, file): {line: count}}, over all programs."""
    data = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(build)
        for name in names
        if name.endswith(".gcda")
    ]
    counts = defaultdict(lambda: defaultdict(int))
    for path in data:
        text = subprocess.run(
            ["gcov", "--json-format", "--stdout", path],
            check=True, capture_output=True, text=True, cwd=build,
        ).stdout
        for document in text.splitlines():
            report = json.loads(document)
            for source in report["files"]:
                name = os.path.normpath(
                    os.path.join(report["current_working_directory"], source["file"]))
                group = group_of(name)
                if group is None:
                    continue
                lines = counts[group, os.path.relpath(name, ROOT)]
                for line in source["lines"]:
                    lines[line["line_number"]] += line["count"]
    return counts


def main():
    build = os.path.abspath(sys.argv[1])
    counts = read_counts(build)
    total = defaultdict(lambda: [0, 0])
    print(f"{'file':40} {'lines':>6} {'ran':>6} {'%':>6}")
    for (group, name), lines in sorted(counts.items()):
        if not lines:
            continue
        ran = sum(1 for count in lines.values() if count)
        total[group][0] += len(lines)
        total[group][1] += ran
        print(f"{name:40} {len(lines):6} {ran:6} {100 * ran / len(lines):6.1f}")
        missing = sorted(line for line, count in lines.items() if not count)
        if missing and "--missing" in sys.argv[2:]:
            print("    " + " ".join(map(str, missing)))
    for group, (lines, ran) in sorted(total.items()):
        print(f"{group:40} {lines:6} {ran:6} {100 * ran / lines:6.1f}")
    lines, ran = total["session reader"]
    return 0 if lines and 100 * ran >= LEAST_PERCENT * lines else 1


if __name__ == "__main__":
    sys.exit(main())
