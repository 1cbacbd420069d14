# SPDX-License-Identifier: Apache-2.0
"""Writers of sessions, heap dumps and logs that ask for as much as their bytes can ask for.

Whole by every checksum, packed as well as zstd packs: only the bounds of the readers are in the
way. The grammars are those of src/session/format.h, src/wire/event.h and src/wire/heap_dump.h.
"""

import ctypes
import ctypes.util
import json
import struct

import pytest

PIECES, FACT, DUMP = 1, 2, 4
MIB = 1 << 20


def _library(name):
    found = ctypes.util.find_library(name)
    if not found:
        pytest.skip(f"no lib{name} here, which memwhy is built with")
    return ctypes.CDLL(found)


def packed(raw):
    zstd = _library("zstd")
    zstd.ZSTD_compressBound.restype = zstd.ZSTD_compress.restype = ctypes.c_size_t
    room = zstd.ZSTD_compressBound(ctypes.c_size_t(len(raw)))
    out = ctypes.create_string_buffer(room)
    size = zstd.ZSTD_compress(
        out, ctypes.c_size_t(room), bytes(raw), ctypes.c_size_t(len(raw)), ctypes.c_int(3)
    )
    return out.raw[:size]


def checksum(data):
    xxhash = _library("xxhash")
    xxhash.XXH3_64bits.restype = ctypes.c_uint64
    return xxhash.XXH3_64bits(bytes(data), ctypes.c_size_t(len(data)))


def block(kind, raw, claims=None):
    """One block of zstd; so much padded that its header passes. `claims`: raw bytes it says."""
    stored = packed(raw)
    claimed = len(raw) if claims is None else claims
    if claims is None and claimed > MIB and len(stored) * 32 < claimed:
        missing = claimed // 32 - len(stored) + 8
        stored += struct.pack("<II", 0x184D2A50, missing) + b"\0" * missing
    head = struct.pack("<IHHII", 0x4B4C424D, kind, 1, claimed, len(stored))
    return head + struct.pack("<Q", checksum(head + stored)) + stored


def v(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def z(number):
    return v(number * 2 if number >= 0 else -number * 2 - 1)


def text(what):
    return v(len(what)) + what


def session(path, blocks):
    path.mkdir()
    (path / "blocks.mwy").write_bytes(
        b"MWYSESS\n" + struct.pack("<IIQQ", 2, 32, 0, 0) + b"".join(blocks)
    )
    return path


def fact(**members):
    return block(FACT, json.dumps(members).encode())


def begin(processes=1):
    """The facts of a session that begins as any does."""
    facts = [
        fact(type="session", version=2, monotonic_ns=10**9, command="python", mode="launch",
             host="h", started="2026-12-01T00:00:00Z", clock=[10**9, 10**9])
    ]
    for index in range(processes):
        facts.append(process(index))
    return facts


def process(index, pid=None):
    return fact(type="process", process=index, pid=pid or 10**6 + index, parent=10**6,
                start_ticks=1, clock_kind=0, clock_shift=0, clock=[10**9 + index, 10**9 + index],
                python="3.11", command="python")


def piece(records, process=0, thread=0, offset=0, claims=None):
    length = len(records) if claims is None else claims
    return v(process) + v(thread) + v(offset) + v(length) + v(length) + records


def dump(path, stream, facts=()):
    blocks = [block(FACT, json.dumps({"type": "dump", "pid": 1, "python": "3.11"}).encode())]
    blocks += facts
    for at in range(0, len(stream), MIB):
        blocks.append(block(DUMP, stream[at:at + MIB]))
    path.write_bytes(b"MWYHEAP\n" + struct.pack("<II", 1, 16) + b"".join(blocks))
    return path


DUMP_BEGIN = b"MWYDUMP1" + v(2)
# A type without edges, one with them.
LEAF = b"\x01" + text(b"app.Leaf") + v(2) + v(16) + z(1)
NODE = b"\x01" + text(b"app.Node") + v(0) + v(16) + z(1)


def dump_end(objects=0, edges=0):
    return b"\x0a" + v(objects) + v(edges) + v(0)


# Sessions: name -> blocks. Each is 1 MiB of records or facts many times over.
def _nested():
    return begin() + [block(FACT, b"[" * (8 * MIB))]


def _nested_in_members():
    return begin() + [block(FACT, b'{"type":"note","text":' + b'{"a":' * MIB + b"0" + b"}" * MIB
                            + b"}")]


def _many_members():
    names = ",".join(f'"{i:x}":0' for i in range(800_000))
    return begin() + [block(FACT, ('{"type":"note",' + names + "}").encode())]


def _many_small_values():
    return begin() + [block(FACT, b'{"type":"maps","mappings":[[]' + b",[]" * (5 * MIB) + b"]}")]


def _many_samples():
    rows = b'{"type":"os_samples","samples":[[]' + b",[]" * (MIB // 3 - 100) + b"]}"
    return begin() + [block(FACT, rows)] * 40


def _many_processes():
    return begin() + [process(index) for index in range(1, 20_000)]


def _many_threads():
    return begin() + [
        block(PIECES, b"".join(piece(b"\x13" + v(5), 0, thread) for thread in range(at, at + 50_000)))
        for at in range(0, 200_000, 50_000)
    ]


def _many_stacks():
    code = b"\x0c" + v(1) + v(0x30B) + text(b"f") + text(b"a.py") + text(b"a") + text(b"")
    deep = code
    for at in range(100):  # a deep stack, then many leaves
        deep += b"\x0b" + v(3 + at - 1 if at else 0) + v(1) + v(1)
    records = deep + b"".join(
        b"\x0b" + v(3 + 99) + v(1) + v(i) + b"\x01" + v(1) + z(2) + v(16) + v(103 + i)
        for i in range(60_000)
    )
    return begin() + [block(PIECES, piece(records))]


def _many_live_blocks():
    first = b"\x01" + v(1) + z(2) + v(16) + v(0)
    records = first + (b"\x61" + v(0) + z(2)) * (MIB // 3 - 100)
    blocks, offset = begin(), 0
    for _ in range(80):
        blocks.append(block(PIECES, piece(records, 0, 0, offset)))
        offset += len(records)
    return blocks


def _many_forks():
    """Each child inherits all blocks."""
    first = b"\x01" + v(1) + z(2) + v(16) + v(0)
    records = first + (b"\x61" + v(0) + z(2)) * (MIB // 3 - 100)
    children = 2000
    forks = b"".join(b"\x14" + v(1) + v(10**6 + 1 + i) + v(i) for i in range(children))
    return begin(children + 1) + [
        block(PIECES, piece(records)), block(PIECES, piece(forks, 0, 0, len(records)))
    ]


def _many_marks():
    records = (b"\x11" + v(1) + v(1) + text(b"")) * (MIB // 4 - 100)
    blocks, offset = begin(), 0
    for _ in range(40):
        blocks.append(block(PIECES, piece(records, 0, 0, offset)))
        offset += len(records)
    return blocks


def _claims_much():
    return begin() + [block(FACT, b"0" * 1000, claims=64 * MIB)]


def _claims_a_long_piece():
    return begin() + [block(PIECES, piece(b"\x13\x05", claims=1 << 62))]


def _wrong_kinds():
    return begin() + [
        block(FACT, f.encode())
        for f in (
            "[]", "0", "null", '""', '{"type":5}', '{"type":"maps","mappings":5}',
            '{"type":"maps","mappings":{"a":[1]}}', '{"type":"os_samples","samples":"x"}',
            '{"type":"session","monotonic_ns":"x","command":[],"clock":{}}',
            '{"type":"process","process":"x","clock":[[],{}]}', '{"type":"end","ended":{}}',
            '{"type":"note","text":[[[]]]}', '{"type":"folded","forked":{"a":{}}}', '{"type":1e999}',
            '{"type":"heap_dump","process":0,"file":"../../../../etc/passwd","pause_ms":"x"}',
        )
    ]


SESSIONS = {
    function.__name__.strip("_"): function
    for function in (
        _nested, _nested_in_members, _many_members, _many_small_values, _many_samples,
        _many_processes, _many_threads, _many_stacks, _many_live_blocks, _many_forks, _many_marks,
        _claims_much, _claims_a_long_piece, _wrong_kinds,
    )
}


# Dumps: name -> (stream, more facts).
def _objects():
    return LEAF + (v(32) + z(2) + v(2)) * (10 * MIB), ()


def _shapes():
    return (b"\x02\x00" + v(0)) * (7 * MIB), ()


def _labels():
    return (b"\x02\x00" + v(64) + (b"\x01" + text(b"")) * 64) * (MIB // 8), ()


def _types():
    return b"".join(b"\x01" + text(b"") + v(i) + v(i) + z(1) for i in range(1 << 20)), ()


def _threads():
    return b"".join(b"\x12" + v(i) + text(b"") for i in range(2 * MIB)), ()


def _roots():
    return (b"\x06\x00\x00" + v(0) + v(0) + text(b"") + v(0)) * (3 * MIB), ()


def _chain():
    """Each object refers to the next one, as deep as the dump."""
    one = v(32) + z(2) + v(2) + v(2) + v(2 * 2 + 1)
    return NODE + one * (2 * MIB), ()


def _everyone_to_everyone():
    count = 2000
    return NODE + b"".join(
        v(32) + z(2) + v(2) + v(count << 1) + v(4 * i or 1) + b"\x05" * (count - 1)
        for i in range(count)
    ), ()


def _claims_edges():
    return NODE + v(32) + z(2) + v(2) + v((1 << 62) << 1), ()


def _native_types():
    return b"".join(b"\x0c" + text(b"N" + b"1a" * 100 + b"E") for _ in range(200_000)), ()


def _texts():
    return LEAF + v(32) + z(2) + v(2) + (b"\x03" + z(0) + text(b"")) * (7 * MIB), ()


def _dump_wrong_kinds():
    facts = {"type": "dump", "pid": "x", "pause_ms": [], "native": {}, "method": "clone",
             "monotonic_ns": -1, "name": 5}
    return LEAF + v(32) + z(2) + v(2) + dump_end(1), [
        block(FACT, json.dumps(facts).encode()), block(FACT, b"[" * (8 * MIB)),
        block(FACT, b'{"type":"dump_holders","holders":[[1,2,3,[],"x",{},7],5,[],{}]}'),
    ]


def _dump_holders():
    return LEAF + v(32) + z(2) + v(2) + dump_end(1), [
        block(FACT, b'{"type":"dump_holders","holders":[[1,2,3,[""]]' +
              b',[1,2,3,[""]]' * (2 * MIB) + b"]}")
    ]


DUMPS = {
    function.__name__.strip("_"): function
    for function in (
        _objects, _shapes, _labels, _types, _threads, _roots, _chain, _everyone_to_everyone,
        _claims_edges, _native_types, _texts, _dump_wrong_kinds, _dump_holders,
    )
}


# Logs of the garbage collector.
def _one_line():
    return b"gc: collectable <" * MIB


def _types_of_log():
    return b"".join(b"gc: collectable <t%d 0x7f%x>\n" % (i, i) for i in range(400_000))


def _cut_lines():
    return b"gc: collec\ngc: coll\ngc: \n" * 300_000


def _collections():
    return b"gc: collecting generation 2...\ngc: objects in each generation: 1 2 3\n" * 100_000


LOGS = {
    function.__name__.strip("_"): function
    for function in (_one_line, _types_of_log, _cut_lines, _collections)
}
