# SPDX-License-Identifier: Apache-2.0
"""memwhy snapshot on the command line, on snapshots of torch's shape (tests/device_snapshot.py),
beside torch's own reader where torch 2 is."""

import gzip
import json
import os
import pickle
import re
import subprocess
from pathlib import Path

import device_snapshot
import pytest
from memwhy_program import memwhy, require_built

TORCH = Path(os.environ.get("MEMWHY_TORCH", Path.home() / ".cache/memwhy/torch")) / "bin/python"
SUMMARY = """
import pickle, sys
from torch.cuda import _memory_viz
print(_memory_viz.segsum(pickle.load(open(sys.argv[1], "rb"))))
"""


@pytest.fixture(autouse=True)
def built():
    require_built()


@pytest.fixture(scope="module")
def device():
    return device_snapshot.busy(4000, seed=5)


@pytest.fixture(scope="module")
def file(device, tmp_path_factory):
    return device_snapshot.write(tmp_path_factory.mktemp("snapshot") / "s.pickle",
                                 device.snapshot())


def document(file, *options):
    done = memwhy("snapshot", str(file), "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_document_adds_up(device, file):
    read = document(file)
    assert read["schema"] == "memwhy.snapshot/1"
    assert read["damaged"] is None and read["left_out"] == [] and read["protocol"] == 4
    one = read["devices"][0]
    assert one["reserved"] == device.reserved
    assert one["allocated"] == device.allocated()
    assert one["events"] == len(device.events)
    parts = ("active", "inactive_split", "releasable", "held_by_pools", "expandable_rest")
    assert one["reserved"] == sum(one[part] for part in parts)
    assert one["what_if"][0]["reserved"] == one["reserved"]


def peak_by_hand(events):
    live, best, held = {}, 0, {}
    for event in events:
        size = (event["size"] + 511) // 512 * 512
        if event["action"] == "alloc":
            live[event["addr"]] = (size, event["frames"][0])
        elif event["action"] == "free_requested":
            live.pop(event["addr"])
        total = sum(size for size, _ in live.values())
        if total > best:
            best, held = total, dict(live)
    return best, held


def test_the_peak_and_its_blocks_are_those_of_the_events(device, file):
    best, held = peak_by_hand(device.events)
    peak = document(file, "--top", "1000")["devices"][0]["peak"]
    # a block that lives to the end has the size that the allocator gave it, a little more
    assert best <= peak["bytes"] <= 1.02 * best
    assert {block["address"] for block in peak["blocks"]} == {hex(at) for at in held}
    for block in peak["blocks"]:
        frame = held[int(block["address"], 16)][1]
        assert (block["stack"][0]["file"], block["stack"][0]["line"]) == (
            frame["filename"], frame["line"])
    assert sum(block["bytes"] for block in peak["blocks"]) == peak["bytes"]
    assert sum(line["bytes"] for line in peak["lines"]) == peak["bytes"]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_gives_the_same(device, file, tmp_path, protocol):
    other = device_snapshot.write(tmp_path / "p.pickle", device.snapshot(), protocol)
    read = document(other)
    assert read["protocol"] == protocol
    assert read["devices"] == document(file)["devices"]


def test_a_short_trace_has_the_levels_of_a_long_one(tmp_path):
    device = device_snapshot.busy(3000, seed=8, max_entries=900)
    level, levels = 0, []
    for event in device.events:
        size = (event["size"] + 511) // 512 * 512
        level += {"alloc": size, "free_requested": -size}.get(event["action"], 0)
        levels.append(level)
    one = document(device_snapshot.write(tmp_path / "s.pickle", device.snapshot()))["devices"][0]
    best = max(levels[-900:])
    assert best <= one["peak"]["bytes"] <= 1.03 * best
    assert one["before_first_event"] > 0 and one["not_in_snapshot"] == 0
    assert one["peak"]["reserved"] == device.reserved
    assert one["timeline"][-1]["event"] == 899


def test_who_pins_a_segment_is_named(tmp_path):
    device = device_snapshot.Device()
    frames = device_snapshot.Frames()
    scratch = frames.stack(("train.py", 5, "scratch"))
    keep = frames.stack(("/usr/lib/python3/dist-packages/torch/nn/modules/linear.py", 9, "forward"),
                        ("cache.py", 3, "put"))
    large = [device.alloc(3 << 20, scratch) for _ in range(6)]
    kept = device.alloc(2 << 20, keep)
    for address in large:
        device.dealloc(address, scratch)
    device.empty_cache(scratch)
    one = document(device_snapshot.write(tmp_path / "s.pickle", device.snapshot()))["devices"][0]
    assert [(pin["live_blocks"], pin["by"]["address"], pin["free"]) for pin in one["pins"]] == [
        (1, hex(kept), 18 << 20)]
    assert one["pins_by_line"][0]["frame"]["file"] == "/srv/cache.py"
    assert one["releasable"] == 0
    text = memwhy("snapshot", str(tmp_path / "s.pickle")).stdout
    assert re.search(r"20.0 MiB, 18.0 MiB free, held by 1 block of 2.00 MiB:\n.*put  cache.py:3", text)


def test_torch_reads_the_same_numbers(file):
    if not TORCH.is_file():
        pytest.skip("no CPython here has torch 2")
    said = subprocess.run([TORCH, "-c", SUMMARY, str(file)], capture_output=True, text=True,
                          timeout=120)
    assert said.returncode == 0, said.stderr
    one = document(file)["devices"][0]

    def as_torch(value):
        for unit in ("", "Ki", "Mi", "Gi"):
            if value < 1024:
                return f"{value:3.1f}{unit}B"
            value /= 1024

    assert f"total_reserved: {as_torch(one['reserved'])}" in said.stdout
    assert f"total_allocated: {as_torch(one['requested'])}" in said.stdout
    assert f"segments: {one['segments']}" in said.stdout


def test_text_fits_80_columns_and_the_page_needs_no_network(file, tmp_path):
    done = memwhy("snapshot", str(file))
    assert done.returncode == 0 and done.stderr == ""
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    page = tmp_path / "page.html"
    assert memwhy("snapshot", str(file), "--html", str(page)).stdout == f"{page}\n"
    html = page.read_text()
    assert "http" not in html.replace("http-equiv", "")
    assert "<script" not in html and "Map of the segments" in html and "cache.py:12" in html


def test_names_from_the_file_are_escaped(tmp_path):
    device = device_snapshot.Device()
    frames = device_snapshot.Frames()
    device.alloc(5 << 20, frames.stack(("x\x1b[31m<b>.py", 3, "f\x1b]52;c;eA==\x07<script>")))
    file = device_snapshot.write(tmp_path / "s.pickle", device.snapshot())
    assert "\x1b" not in memwhy("snapshot", str(file)).stdout
    assert memwhy("snapshot", str(file), "--html", str(tmp_path / "p.html")).returncode == 0
    assert "<script>" not in (tmp_path / "p.html").read_text()


class Runs:
    def __reduce__(self):
        return (os.mkdir, ("ran",))


def test_code_in_a_pickle_does_not_run(device, tmp_path):
    snapshot = {**device.snapshot(), "external_annotations": [Runs()]}
    file = device_snapshot.write(tmp_path / "s.pickle", snapshot)
    done = memwhy("snapshot", str(file), "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert "would run code" in done.stderr and "byte " in done.stderr
    read = json.loads(done.stdout)
    assert "STACK_GLOBAL" in read["damaged"]
    assert read["devices"][0]["events"] == len(device.events)
    assert not (tmp_path / "ran").exists()
    only = tmp_path / "only.pickle"
    only.write_bytes(pickle.dumps(Runs()))
    done = memwhy("snapshot", str(only), cwd=tmp_path)
    assert done.returncode == 2 and "nothing was run" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_a_cut_file_is_read_up_to_there(device, file, tmp_path):
    cut = tmp_path / "cut.pickle"
    whole = Path(file).read_bytes()
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    done = memwhy("snapshot", str(cut), "--json")
    assert done.returncode == 0
    assert re.search(r"is damaged: byte \d+: the file ends here", done.stderr)
    one = json.loads(done.stdout)["devices"][0]
    assert 0 < one["events"] < len(device.events)
    assert one["reserved"] == device.reserved


@pytest.mark.parametrize("content, why", [
    (b"", "the file is empty"),
    (b"hello\n", "0x68 does not begin a pickle"),
    (gzip.compress(b"x"), "gunzip it first"),
    (b"PK\x03\x04rest", "torch.save"),
    (pickle.dumps({"a": 1}), "without segments and device_traces"),
])
def test_what_is_no_snapshot_is_refused_in_one_line(tmp_path, content, why):
    file = tmp_path / "x.pickle"
    file.write_bytes(content)
    done = memwhy("snapshot", str(file))
    assert done.returncode == 2 and done.stdout == ""
    assert why in done.stderr and done.stderr.count("\n") == 1


def test_bad_options_are_usage_errors(file, tmp_path):
    for options in (["--what-if", "backend:cudaMallocAsync"], ["--limit", "much"],
                    ["--top", "x"]):
        done = memwhy("snapshot", str(file), *options)
        assert done.returncode == 2 and done.stdout == "", options
    assert memwhy("snapshot", str(tmp_path / "none.pickle")).returncode == 2
    assert memwhy("snapshot", str(tmp_path)).returncode == 2


def test_it_comes_from_stdin_too(file):
    with open(file, "rb") as stream:
        done = memwhy("snapshot", "-", "--json", stdin=stream)
    assert json.loads(done.stdout)["devices"] == document(file)["devices"]
