# SPDX-License-Identifier: Apache-2.0
"""memwhy tf loads against what the program counts itself, by loader."""

import json
import subprocess

import pytest
from conftest import FULL, TARGETS, TENSORFLOW, clean_environment

KEYS = ("functions", "graphdef_bytes", "handles", "objects", "malloc", "rss")
# What a second load adds at least, and who holds the loaded object.
LOADERS = {
    "saved_model": ("tf.saved_model.load", {"functions": 4, "handles": 1}),
    "tf_keras": ("tf_keras.load_model(SavedModel)", {"functions": 4, "handles": 2}),
    ".keras": ("keras.load_model(.keras)", {"functions": 0, "handles": 2}),
    ".h5": ("keras.load_model(.h5)", {"functions": 0, "handles": 2}),
    "tfsm": ("keras.layers.TFSMLayer", {"functions": 4, "handles": 1}),
}


def tf_loads(memwhy, folder, *arguments, options=()):
    if not TENSORFLOW.is_file():
        pytest.skip("no TensorFlow; scripts/fetch_tensorflow brings it")
    out = folder / "said.json"
    script = TARGETS / "tf_loads.py"
    done = subprocess.run(
        [memwhy, "tf", "loads", *options, "--", TENSORFLOW, "-W", "ignore", script, out, *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1", TMPDIR=str(folder)),
    )
    assert done.returncode == 0, done.stderr
    assert "this goes to stderr" in done.stderr
    return done.stdout, json.loads(out.read_text())


def check_numbers(document, said):
    """Each table equals the program's own counts."""
    assert len(document["loads"]) == len(said)
    for load, truth in zip(document["loads"], said):
        for key in ("functions", "graphdef_bytes", "handles"):
            assert load[key] == truth[key], (load["index"], key)
        # The program's own counting makes some.
        assert abs(load["objects"] - truth["objects"]) <= 60, load["index"]
        assert load["malloc"] == pytest.approx(truth["malloc"], abs=256 << 10)
        assert load["rss"] == pytest.approx(truth["rss"], abs=4 << 20)
    for key in KEYS:  # what was freed and what is left is what there was
        freed = sum(row["freed"][key] for row in document["cleanups"] if row["freed"])
        assert freed == document["end"][key] - document["baseline"][key], key


def check_end(document, loader, count):
    name, least = LOADERS[loader]
    assert {load["loader"] for load in document["loads"]} == {name}
    for key, value in least.items():
        for load in document["loads"][1:]:
            assert load["added"][key] >= value, (load["index"], key)
    held = {
        row["path"]: row["count"]
        for row in document["held"]
        if row["when"] == "end" and row["what"] == "loaded object"
    }
    assert held == {"__main__.MODELS[*]": count}
    after = [row for row in document["held"] if row["when"] == "after"]
    assert not [row for row in after if row["what"] == "loaded object"]


def test_a_saved_model_loaded_again_and_again(memwhy, tmp_path):
    text, said = tf_loads(memwhy, tmp_path, "saved_model", "6", "keep", options=["--json"])
    document = json.loads(text)
    assert document["schema"] == "memwhy.tf.loads/1"
    check_numbers(document, said)
    check_end(document, "saved_model", 6)
    # del alone leaves the functions in cycles; a collection frees them.
    freed = {row["what"]: row["freed"] for row in document["cleanups"]}
    assert freed["gc.collect"]["functions"] == 6 * 4
    assert freed["gc.collect"]["handles"] == 6
    assert list(freed) == ["del", "gc.collect", "clear_session", "malloc_trim", "process exit"]
    assert not list(tmp_path.glob("memwhy.*"))


@pytest.mark.skipif(not FULL, reason="MEMWHY_FULL_TESTS=1 has all loaders")
@pytest.mark.parametrize("loader", LOADERS)
def test_a_hundred_loads(memwhy, tmp_path, loader):
    text, said = tf_loads(memwhy, tmp_path, loader, "100", "keep", options=["--json"])
    document = json.loads(text)
    check_numbers(document, said)
    check_end(document, loader, 100)


@pytest.mark.skipif(not FULL, reason="MEMWHY_FULL_TESTS=1 has all loaders")
def test_text_fits_a_terminal_and_tells_garbage_from_held(memwhy, tmp_path):
    text, _ = tf_loads(memwhy, tmp_path, "saved_model", "3", "drop")
    assert max(map(len, text.splitlines())) <= 80
    assert "nobody; they wait for a collection" in text
    assert "loaded object" not in text
