# SPDX-License-Identifier: Apache-2.0
"""Small programs with one known cause each; the healthy ones must not be blamed."""

import pytest

from diagnosis import FINDING, diagnose_target


@pytest.mark.parametrize(
    ("name", "holder"),
    [
        ("list_append_bytes", "__main__"),
        ("dict_of_arrays", "__main__"),
        ("small_objects", "__main__"),
        ("closure_holder", "__main__"),
        ("frame_local_holder", "main()"),
    ],
)
def test_a_holder_is_named(tmp_path, name, holder):
    diagnosis = diagnose_target(tmp_path, name, 16)
    assert diagnosis.code == FINDING, diagnosis.text + diagnosis.progress
    assert diagnosis.verdict == "growing"
    first = diagnosis.first()
    assert first["kind"] == "unbounded_container", diagnosis.text
    assert first["who_holds"]["path"][0].endswith(holder), first["who_holds"]
    assert first["growth_bytes_per_operation"] > 0


@pytest.mark.parametrize("name", ["bounded_lru", "sawtooth", "churn_threads"])
def test_a_healthy_program_is_not_blamed(tmp_path, name):
    diagnosis = diagnose_target(tmp_path, name, 20)
    assert not diagnosis.blamed(), diagnosis.text


def test_memory_that_malloc_keeps_is_called_retained(tmp_path):
    diagnosis = diagnose_target(tmp_path, "malloc_retained", 16)
    kinds = [finding["kind"] for finding in diagnosis.findings["findings"]]
    assert diagnosis.verdict == "retained", diagnosis.text
    assert kinds == ["allocator_retention"], diagnosis.text
