# SPDX-License-Identifier: Apache-2.0
"""Real programs whose functions of TensorFlow grow: rule, line, holder, argument; and the same work
that keeps nothing is not blamed."""

import os
from pathlib import Path

import pytest

from diagnosis import FINDING, ROOT, TARGETS, diagnose

SOURCE = TARGETS / "tf_growth.py"
TENSORFLOW = (
    Path(os.environ.get("MEMWHY_TENSORFLOW", Path.home() / ".cache/memwhy/tensorflow"))
    / "bin/python"
)
SECONDS = 20
pytestmark = pytest.mark.skipif(
    os.environ.get("MEMWHY_FULL_TESTS") != "1", reason="with MEMWHY_FULL_TESTS=1"
)


def line_of(way):
    lines = SOURCE.read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.endswith(f"# GROWS {way}"))


def run(tmp_path, monkeypatch, way, *more):
    if not TENSORFLOW.is_file():
        pytest.skip("no TensorFlow; scripts/fetch_tensorflow brings it")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return diagnose(
        tmp_path, "--for", SECONDS, "-o", tmp_path / "s.mwy", "--", TENSORFLOW, "-W", "ignore",
        SOURCE, way, SECONDS + 200, *more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("way", "rule", "holder", "says"),
    [
        ("retrace", "tf.retrace", "__main__.score._function_cache._primary",
         "the argument temperature:"),
        ("shapes", "tf.retrace", "__main__.pad._function_cache._primary", "the argument x:"),
        ("loads", "tf.rebuild_loop", "__main__.MODELS", "FuncGraph objects:"),
        ("gradients", "tf.functions_orphaned",
         "tensorflow.python.framework.ops.gradient_registry._registry", "FuncGraph objects:"),
    ],
)  # fmt: skip
def test_growth_has_its_rule_line_and_holder(tmp_path, monkeypatch, way, rule, holder, says):
    diagnosis = run(tmp_path, monkeypatch, way)
    assert diagnosis.code == FINDING, diagnosis.text + diagnosis.progress
    # On a busy machine small objects of the same cause may have no proven holder: a finding more.
    found = [finding for finding in diagnosis.blamed() if finding["id"] == rule]
    assert len(found) == 1, diagnosis.text
    first = found[0]
    assert first["layer"] == "framework", diagnosis.text
    assert first["who_holds"]["holder"] == holder, diagnosis.text
    assert first["who_allocated"]["file"] == str(SOURCE), diagnosis.text
    assert first["who_allocated"]["line"] == line_of(way), diagnosis.text
    assert any(says in one["says"] for one in first["evidence"]), diagnosis.text


@pytest.mark.parametrize("way", ["retrace", "shapes", "loads", "gradients"])
def test_the_same_work_that_keeps_nothing_is_not_blamed(tmp_path, monkeypatch, way):
    diagnosis = run(tmp_path, monkeypatch, way, "--clean")
    assert not diagnosis.blamed(), diagnosis.text
    checks = {check["id"]: check["result"] for check in diagnosis.findings["checks"]}
    assert checks["tf.functions"] == "pass", diagnosis.text
