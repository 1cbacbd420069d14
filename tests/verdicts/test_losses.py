# SPDX-License-Identifier: Apache-2.0
"""What a heap dump proves without a container: lost references, cycles, chains, waiting tasks."""

import subprocess

import pytest

from diagnosis import FINDING, PYTHON, ROOT, TARGETS, diagnose_target

SOURCE = TARGETS / "losses.py"
REFERENCES = ROOT / "tests" / "integration" / "heap" / "references.c"
SECONDS = 16


# For each test anew: a fixture of the module would keep all of them in one process of pytest.
@pytest.fixture(autouse=True)
def extension(tmp_path, monkeypatch):
    folder = tmp_path / "extension"
    folder.mkdir()
    say = "import sysconfig; print(sysconfig.get_path('include'))"
    include = subprocess.check_output([PYTHON, "-c", say], text=True).strip()
    library = folder / "references.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-I{include}", REFERENCES, "-o", library],
                   check=True, timeout=120)  # fmt: skip
    monkeypatch.setenv("PYTHONPATH", str(folder))


def line_of(way):
    lines = SOURCE.read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.endswith(f"# MAKES {way}"))


@pytest.mark.parametrize(
    ("way", "rule", "kind", "layer", "kind_of_object"),
    [
        ("reference", "ext.leaked_reference", "leaked_reference", "extension", "__main__.Row"),
        ("cycle", "py.cycle_delay", "collectable_cycle_debt", "python", "__main__.Client"),
        ("native_cycle", "ext.cycle_through_native", "uncollectable_cycle", "extension",
         "__main__.Row"),
        ("chain", "py.chain", "unbounded_container", "python", "__main__.Version"),
    ],
)  # fmt: skip
def test_a_loss_is_named_with_type_line_and_layer(tmp_path, way, rule, kind, layer, kind_of_object):
    diagnosis = diagnose_target(tmp_path, "losses", SECONDS, way)
    assert diagnosis.code == FINDING, diagnosis.text + diagnosis.progress
    first = diagnosis.first()
    assert (first["id"], first["kind"], first["layer"]) == (rule, kind, layer), diagnosis.text
    assert first["what"]["type"] == kind_of_object, diagnosis.text
    assert len(diagnosis.blamed()) == 1, diagnosis.text
    assert all(len(line) <= 80 for line in diagnosis.text.splitlines()
               if not line.startswith("  memwhy ")), diagnosis.text  # fmt: skip
    if way in ("cycle", "chain"):  # large enough for malloc: the line is recorded
        assert first["who_allocated"]["line"] == line_of(way), diagnosis.text


def test_a_chain_has_its_root_and_its_length(tmp_path):
    diagnosis = diagnose_target(tmp_path, "losses", SECONDS, "chain")
    holds = diagnosis.first()["who_holds"]
    assert holds["holder"] == "__main__.DOCUMENT.head", diagnosis.text
    assert holds["holder_length"] > 500, diagnosis.text


def test_waiting_tasks_are_counted_with_the_line_that_starts_them(tmp_path):
    diagnosis = diagnose_target(tmp_path, "losses", SECONDS, "tasks")
    assert diagnosis.code == FINDING, diagnosis.text + diagnosis.progress
    first = diagnosis.first()
    assert first["id"] == "py.task_or_thread_pile", diagnosis.text
    assert "pump()" in first["title"], diagnosis.text
    assert first["what"]["type"] == "_asyncio.Task"
    assert first["who_holds"]["filled_by"]["line"] == line_of("tasks"), diagnosis.text


@pytest.mark.parametrize("way", ["reference", "native_cycle", "tasks"])
def test_the_same_work_that_is_dropped_is_not_blamed(tmp_path, way):
    diagnosis = diagnose_target(tmp_path, "losses", SECONDS, way, "--clean")
    assert not diagnosis.blamed(), diagnosis.text
