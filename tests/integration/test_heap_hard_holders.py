# SPDX-License-Identifier: Apache-2.0
"""References of C code that are hard to see are no leaks: of running calls, whose registers the kernel
has while the thread waits, and in memory of every kind."""

from pathlib import Path

import pytest

from conftest import build_extension
from heap_dump import proofs_by_type, view, waiting

HERE = Path(__file__).parent / "heap"


def proofs_of(memwhy, python, tmp_path, name):
    """What the program NAME_service.py says, and the proofs of all that heap refs lists, by type."""
    for source in (f"{name}.c", "references.c"):
        build_extension(python, HERE / source, tmp_path)
    program = HERE / f"{name}_service.py"
    with waiting(memwhy, python, program, tmp_path / "run", tmp_path) as target:
        dump = target.dump()
    return target.said, proofs_by_type(memwhy, dump)


def test_what_a_waiting_call_holds_is_not_called_leaked(memwhy, python, tmp_path):
    said, proofs = proofs_of(memwhy, python, tmp_path, "waiting_calls")
    held = {name: proofs[name] for name in said["classes"] if name in proofs}
    assert {name: found for name, found in held.items() if found != ["possible"]} == {}
    # And what is lost is still found and proven, but for what a word that nobody cleared hides.
    lost = proofs["__main__.Lost"]
    assert len(lost) == said["lost"]
    assert lost.count("scanned") >= 45


def test_unusual_memory_is_looked_at(memwhy, python, tmp_path):
    said, proofs = proofs_of(memwhy, python, tmp_path, "unusual_holders")
    wrong = {}
    for name in said["classes"]:
        proven = [proof for proof in proofs.get(name, []) if proof in ("certain", "scanned")]
        if proven:
            wrong[name] = len(proven)
    assert wrong == {}
    assert len(proofs["__main__.Lost"]) == said["each"]
    assert proofs["__main__.Lost"].count("scanned") >= said["each"] * 3 // 4


def test_guard_pages_end_no_dump(memwhy, python, tmp_path):
    build_extension(python, HERE / "references.c", tmp_path)
    program = HERE / "guarded_pages.py"
    with waiting(memwhy, python, program, tmp_path / "run", tmp_path) as target:
        if target.said["pages"] == 0:
            pytest.skip("this kernel has no guard pages inside of a mapping (Linux 6.13)")
        dumps = [target.dump(), target.dump("in_place.heap", "--in-place")]
    for dump in dumps:
        types = {t["type"]: t["objects"] for t in view(memwhy, "types", dump)["types"]}
        assert types["__main__.Kept"] == target.said["each"]
    listed = [o for o in view(memwhy, "refs", dumps[0])["objects"] if o["type"].startswith("__main__.")]
    assert len(listed) == 2 * target.said["each"]
    assert {o["proof"] for o in listed} == {"possible"}  # a block in use has the address
