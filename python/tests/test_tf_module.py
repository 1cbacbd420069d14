# SPDX-License-Identifier: Apache-2.0
"""memwhy.tf where there is no TensorFlow, one that is too old, or one imported in part; its text."""

import subprocess
import sys
import types
from pathlib import Path

import memwhy.tf
import pytest
from memwhy._tf_text import bytes_text, report_text

PACKAGE = Path(memwhy.__file__).resolve().parents[1]


def test_importing_imports_no_tensorflow():
    program = "import sys, memwhy.tf; print(sorted(m for m in sys.modules if 'tensorflow' in m))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=PACKAGE, timeout=60
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("ask", [memwhy.tf.counts, memwhy.tf.report, memwhy.tf.text])
def test_without_tensorflow_it_says_so(monkeypatch, ask):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    with pytest.raises(memwhy.tf.TensorFlowError, match="not imported in this process"):
        ask()
    assert "tensorflow" not in sys.modules


def test_an_old_tensorflow_is_too_old(monkeypatch):
    module = types.ModuleType("tensorflow")
    module.__version__ = "2.4.1"
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    with pytest.raises(memwhy.tf.TensorFlowError, match="2.4.1 is too old.*2.14 or later"):
        memwhy.tf.counts()


def test_half_an_import_is_said(monkeypatch):
    module = types.ModuleType("tensorflow")
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    with pytest.raises(memwhy.tf.TensorFlowError, match="imported only in part"):
        memwhy.tf.counts()
    module.__version__ = "2.21.0"
    with pytest.raises(memwhy.tf.TensorFlowError, match="2.21.0 is imported only in part"):
        memwhy.tf.counts()


@pytest.mark.parametrize(
    "number, text",
    [
        (None, "unknown"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (-1536, "-1.50 KiB"),
        (1_048_575, "1.00 MiB"),
        (123 << 20, "123 MiB"),
        (1568 << 20, "1.53 GiB"),
    ],
)
def test_bytes_have_three_digits(number, text):
    assert bytes_text(number) == text


def test_long_names_fit_and_keep_their_place():
    row = {
        "function": "Outer.<locals>." * 12 + "step",
        "file": "/srv/app/training.py",
        "line": 1234,
        "objects": 3,
        "traces": 99,
        "max_traces": 40,
        "graphdef_bytes": 5 << 20,
        "retraced_by": [
            {"argument": "n" * 90, "kind": "python value", "distinct": 40, "values": ["1" * 64] * 5}
        ],
    }
    document = {
        "pid": 1,
        "tensorflow": "2.21.0",
        "keras": {},
        "functions": {"runtime": 99, "graphdef_bytes": 5 << 20, "unreferenced": 2},
        "tf_functions": [row],
        "gradient_registry": {"custom": 0, "made_for": []},
        "py_functions": {"live": 0, "registered": 0, "functions": []},
        "graphs": 99,
        "tensors": {"tensors": 1, "buffers": 1, "bytes": 4, "unsized": 0},
        "variables": {"variables": 0, "bytes": 0},
        "handles": {"handles": 1, "owners": [{"owner": "keras.src." * 20 + "X", "handles": 1}]},
        "keras_state": [],
    }
    lines = report_text(document).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.endswith("step training.py:1234") for line in lines)
    assert any(line.endswith("keras...X") for line in lines)
