# SPDX-License-Identifier: Apache-2.0
"""What lies in the frames of running functions is no object, wherever the kernel maps them."""

from pathlib import Path

from heap_dump import view, waiting

DEEP = Path(__file__).parent / "heap" / "deep_calls.py"


def test_words_of_frames_are_no_objects(memwhy, python, tmp_path):
    with waiting(memwhy, python, DEEP, tmp_path) as target:
        dump = target.dump()
    types = {row["type"]: row["objects"] for row in view(memwhy, "types", dump, "--top", "9999")["types"]}
    assert types["tuple"] > 100_000
    assert "complex" not in types
