# SPDX-License-Identifier: Apache-2.0
"""What waiting code holds is named by the function that holds it, and none of it is called leaked or
garbage."""

import subprocess
from pathlib import Path

from conftest import build_extension, find_pythons
from heap_dump import proofs_by_type, view, waiting
from test_heap_completeness import packages

HERE = Path(__file__).parent / "heap"


def path_to(memwhy, dump, name):
    return view(memwhy, "path", dump, "--type", f"__main__.{name}")["paths"][0]


def check_order(text, parts):
    at = 0
    for part in parts:
        at = text.find(part, at)
        assert at >= 0, (text, part)


def test_waiting_code(memwhy, python, tmp_path):
    for source in ("event_library.c", "references.c"):
        build_extension(python, HERE / source, tmp_path)
    program = HERE / "waiting_code_service.py"
    with waiting(memwhy, python, program, tmp_path / "run", tmp_path) as target:
        dump = target.dump()
    each = target.said["each"]
    # A local variable is that of the function that has it, however many wait for that.
    parts = {
        "InCoroutine": ("__main__.TASK", "handle()", "service()", "query().row"),
        "InGenerator": ("__main__.GENERATOR", "outermost()", "middle()", "innermost().value"),
        "InAttributes": ("__main__.ROWS.extra",),
        "InSearchedText": ("__main__.MATCHES", "SRE_Scanner", "Text.origin"),
    }
    for name, expected in parts.items():
        check_order(path_to(memwhy, dump, name)["text"], expected)
    for knows_object in (0, 1):
        path = path_to(memwhy, dump, f"InRequest{knows_object}")
        assert path["root"] is not None, "what the library waits for is no garbage"
        check_order(path["text"], ("event_library.Request",))
    proofs = proofs_by_type(memwhy, dump)
    assert "scanned" not in proofs.get("function", []) and "certain" not in proofs.get("function", [])
    assert set(proofs["event_library.Request"]) <= {"held", "possible"}
    assert len(proofs["event_library.Request"]) == 2 * each
    assert len(proofs["__main__.Lost"]) == each
    assert proofs["__main__.Lost"].count("scanned") >= each * 3 // 4


def test_waiting_greenlets(memwhy, tmp_path):
    folder = packages("modules")
    python = next(p for p in find_pythons()[0] if p.path == "/usr/bin/python3")
    with waiting(
        memwhy,
        python,
        HERE / "greenlet_service.py",
        tmp_path / "run",
        environment={"PYTHONPATH": str(folder)},
    ) as target:
        dump = target.dump()
        in_place = target.dump("in_place.heap", "--in-place")
    assert view(memwhy, "types", dump)["dump"]["skipped"] == []
    for taken in (dump, in_place):
        paths = view(memwhy, "path", taken, "--type", "__main__.InHandler")["paths"]
        assert len(paths) == target.said["each"]
        for path in paths:
            assert path["root"]["kind"] == "frame local"
            assert path["text"].endswith("handle().state")
        for name, end in {
            "BelowC": "below_c().value",
            "InGenerator": "generate().value",
            "InCell": "in_cell().value.cell_contents",
            "InMainGreenlet": "in_thread().of_main",
            "InContext": "['request']",
            "InError": "ValueError.args[0]",
        }.items():
            assert path_to(memwhy, taken, name)["text"].endswith(end), name
    text = subprocess.run(
        [memwhy, "heap", "path", dump, "--type", "__main__.InHandler"], capture_output=True, text=True
    ).stdout
    assert "root: local of a waiting greenlet" in text
    proven = {
        kind: found
        for kind, found in proofs_by_type(memwhy, dump).items()
        if kind.startswith(("__main__.", "gevent.", "greenlet."))
        and any(proof in ("certain", "scanned") for proof in found)
    }
    assert proven == {}
