# SPDX-License-Identifier: Apache-2.0
"""Heap dumps that follow pointers into the native blocks of the recording."""

import os
import subprocess

from conftest import TARGETS
from heap_dump import view, waiting

# deflateInit of level 9: (1 << (15 + 2)) + (1 << (8 + 9)) bytes (zlib's zconf.h).
PACKER_BYTES = 256 * 1024
TABLES_BYTES = 2 * 1024 * 1024
ARRAY_BYTES = 8 * 20000


def retained_of(memwhy, dump, type_name):
    """(objects, bytes of Python, of native memory) that the objects of a type keep alive."""
    rows = [
        row
        for row in view(memwhy, "retained", dump, "--top", 100000)["dominators"]
        if row["type"] == type_name
    ]
    return (
        len(rows),
        sum(row["retained"]["python"] for row in rows),
        sum(row["retained"]["native"] for row in rows),
    )


def test_native_memory_hangs_on_the_objects(memwhy, python, tmp_path):
    with waiting(memwhy, python, TARGETS / "heap_native.py", tmp_path) as target:
        plain = target.dump("plain.heap", "--no-scan")
        native = target.dump("native.heap", "--no-scan", "--native")
        in_place = target.dump("in_place.heap", "--in-place", "--native")
        left = sorted(path.name for path in (tmp_path / "s.mwy").iterdir())
    count = target.said["packers"]
    assert retained_of(memwhy, plain, "zlib.Compress")[2] == 0
    for dump in native, in_place:
        packers, python_bytes, native_bytes = retained_of(memwhy, dump, "zlib.Compress")
        assert packers == count
        # A block may look as if another one's left-over memory had it, too: then it is nobody's.
        assert 0.9 * PACKER_BYTES * count <= native_bytes <= 1.2 * PACKER_BYTES * count
        assert python_bytes < 1000 * count
        # What is counted in an object's own size is not counted again.
        tables, python_bytes, native_bytes = retained_of(memwhy, dump, "__main__.Tables")
        assert tables == 1
        assert python_bytes > TABLES_BYTES
        array = view(memwhy, "query", dump, "--type", "array.array")["objects"]
        assert len(array) == 1
        assert native_bytes < 0.2 * ARRAY_BYTES
        assert ARRAY_BYTES <= array[0]["retained"] < 1.2 * ARRAY_BYTES
        # Who points to addresses without memory is whole, and has none of it.
        document = view(memwhy, "types", dump)
        assert document["dump"]["skipped"] == []
        pointers = {row["type"]: row for row in document["types"]}["ctypes.c_void_p"]
        assert pointers["objects"] == 20 and pointers["retained"] < 1 << 20
    # The same objects, and nothing left behind.
    totals = [view(memwhy, "types", dump)["dump"]["objects"] for dump in (plain, native)]
    assert abs(totals[0] - totals[1]) <= 20
    assert not [name for name in left if "blocks" in name and name != "blocks.mwy"]
    assert not [name for name in left if name.startswith("dump.")]


def test_births_are_those_at_the_time_of_the_dump(memwhy, python, tmp_path):
    program = TARGETS / "heap_births.py"
    with waiting(memwhy, python, program, tmp_path, options=["--objects"]) as target:
        dump = target.dump("d.heap", "--no-scan", "--native")
        target.ask("go on")
    lines = target.said["lines"]
    session = tmp_path / "s.mwy"
    for place, addresses in ("early", 0), ("late", 5):
        for address in target.said["addresses"][addresses : addresses + 5]:
            document = view(memwhy, "path", dump, "--address", address, "--session", session)
            birth = document["paths"][0]["object"]["birth"]
            assert birth[0]["file"] == str(program)
            # 3.12 runs comprehensions in the function itself; before, they are functions.
            assert birth[0]["line"] == lines[place]
            assert birth[-1]["function"] == "<module>"
    paths = view(memwhy, "path", dump, "--type", "zlib.Compress", "--session", session)["paths"]
    packers = [path for path in paths if path["text"].startswith("__main__.HELD[")]
    assert len(packers) == 10
    assert {path["object"]["birth"][0]["line"] for path in packers} == {lines["packs"]}
    # Without the recording nothing is claimed.
    paths = view(memwhy, "path", dump, "--type", "zlib.Compress")["paths"]
    assert {path["object"]["birth"] for path in paths} == {None}


def test_a_foreign_recording_is_refused(memwhy, python, tmp_path):
    with waiting(memwhy, python, TARGETS / "heap_native.py", tmp_path / "a") as target:
        dump = target.dump("d.heap", "--no-scan")
    with waiting(memwhy, python, TARGETS / "heap_native.py", tmp_path / "b"):
        pass
    done = subprocess.run(
        [memwhy, "heap", "path", str(dump), "--type", "zlib.Compress"]
        + ["--session", str(tmp_path / "b" / "s.mwy")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "does not record process" in done.stderr


def test_native_needs_a_recording(memwhy, tmp_path):
    done = subprocess.run(
        [memwhy, "heap", "dump", str(os.getpid()), "--native", "-o", str(tmp_path / "d.heap")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert "does not have memwhy's agent" in done.stderr
    assert not (tmp_path / "d.heap").exists()
