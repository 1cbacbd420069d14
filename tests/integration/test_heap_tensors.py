# SPDX-License-Identifier: Apache-2.0
"""Memory behind tensors, to the byte, of the process and of devices, by who keeps it.

With every CPython that has torch, and PyTorch 2 of its own; MEMWHY_TORCH_PYTHON names one more."""

import functools
import json
import os
import subprocess

import pytest
from conftest import TARGETS, TORCH, Python, find_pythons
from heap_dump import view, waiting

PROGRAM = TARGETS / "heap_tensors.py"


@functools.lru_cache(maxsize=None)
def pythons_with_torch():
    pythons = list(find_pythons()[0])
    if TORCH.is_file():
        pythons.append(Python(TORCH))
    if os.environ.get("MEMWHY_TORCH_PYTHON"):
        pythons.append(Python(os.environ["MEMWHY_TORCH_PYTHON"]))
    found = []
    for python in pythons:
        done = subprocess.run([python.path, "-c", "import torch"], capture_output=True, timeout=120)
        if done.returncode == 0:
            found.append(python)
    return found


@pytest.fixture(scope="module")
def targets(memwhy, tmp_path_factory):
    """What each process said, and its dumps by how they were taken."""
    if not pythons_with_torch():
        pytest.skip("no CPython here has torch")
    taken = []
    for python in pythons_with_torch():
        folder = tmp_path_factory.mktemp("tensors")
        with waiting(memwhy, python, PROGRAM, folder) as target:
            dumps = {
                "plain": target.dump("plain.heap", "--no-scan"),
                "in_place": target.dump("in_place.heap", "--no-scan", "--in-place"),
                "native": target.dump("native.heap", "--no-scan", "--native"),
            }
        taken.append((target.said, dumps))
    return taken


@functools.lru_cache(maxsize=None)
def retained(memwhy, dump):
    """What each holder keeps alive, by its name."""
    rows = view(memwhy, "retained", dump, "--top", 1000000)["dominators"]
    return {
        row["text"].removeprefix("__main__.HOLDERS['").removesuffix("']"): row["retained"]
        for row in rows
        if row["type"] == "__main__.Holder"
    }


def path_to(memwhy, dump, address):
    paths = view(memwhy, "path", dump, "--address", hex(address))["paths"]
    assert len(paths) == 1
    return paths[0]


@pytest.mark.parametrize("how", ["plain", "in_place"])
def test_holders_keep_the_storages_bytes(memwhy, targets, how):
    for said, dumps in targets:
        holders = retained(memwhy, dumps[how])
        native = {name: holders[name]["native"] if name in holders else 0 for name in said["native"]}
        assert native == said["native"]
        for name, (device_bytes, _, _) in said["device"].items():
            assert holders[name]["device"] == device_bytes, name
        others = {name: row["device"] for name, row in holders.items() if name not in said["device"]}
        assert set(others.values()) == {0}


def test_with_native_memory_devices_are_the_same(memwhy, targets):
    for said, dumps in targets:
        holders = retained(memwhy, dumps["native"])
        for name, (device_bytes, _, _) in said["device"].items():
            assert holders[name]["device"] == device_bytes, name
        # What C++ has for a tensor is there, too: some hundred bytes of each, and what words that
        # nobody cleared lead to from there; never a storage's memory.
        for name, native_bytes in said["native"].items():
            if name != "trained":  # the gradient's own object is kept by C++ alone
                kept = holders[name]["native"] if name in holders else 0
                assert kept >= native_bytes, name


def test_what_only_cpp_has_on_a_device_needs_native(memwhy, targets):
    capsules = [(said["capsule"], dumps) for said, dumps in targets if said["capsule"]]
    if not capsules:
        pytest.skip("torch 2 or later makes such a tensor without a device; none here")
    for capsule, dumps in capsules:
        plain = path_to(memwhy, dumps["plain"], int(capsule, 16))["object"]
        native = path_to(memwhy, dumps["native"], int(capsule, 16))["object"]
        assert plain["type"] == native["type"] == "PyCapsule"
        assert (plain["retained_device"], native["retained_device"]) == (0, 4 << 20)


@pytest.mark.parametrize("how", ["plain", "native"])
def test_a_storage_is_a_node_of_the_graph(memwhy, targets, how):
    for said, dumps in targets:
        for name, (native_bytes, address) in said["places"].items():
            path = path_to(memwhy, dumps[how], address)
            assert path["text"].startswith(f"__main__.HOLDERS['{name}'].")
            assert path["object"]["type"] == ("buffer" if name == "borrowed" else "cpu storage")
            assert path["object"]["shallow"] == native_bytes
            assert path["object"]["retained_device"] == 0
        for name in "device", "other_device", "mixed":
            device_bytes, device, address = said["device"][name]
            path = path_to(memwhy, dumps[how], address)
            assert path["object"]["type"] == f"{device} storage"
            assert path["object"]["retained_device"] == device_bytes
            assert path["object"]["retained"] == 0
            assert path["text"].startswith(f"__main__.HOLDERS['{name}'].")


def test_devices_are_no_memory_of_the_process(memwhy, targets):
    for said, dumps in targets:
        wanted = {}
        for device_bytes, device, _ in said["device"].values():
            wanted[device] = wanted.get(device, 0) + device_bytes
        of_holders = sum(wanted.values())
        wanted["cuda:0"] += 4 << 20 if said["capsule"] else 0
        done = subprocess.run(
            [memwhy, "heap", "retained", dumps["plain"], "--top", "12"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        lines = done.stdout.split("\n")
        first = "10.0" if said["capsule"] else "6.00"
        assert lines[1] == f"on devices: {first} MiB cuda:0, 5.00 MiB cuda:1, 7.00 MiB hip:2"
        assert any("__main__.HOLDERS['other_device']" in line for line in lines)
        assert max(map(len, lines)) <= 80
        for dump in dumps["plain"], dumps["native"]:
            document = view(memwhy, "types", dump)
            facts = document["dump"]
            assert facts["device_bytes"] == wanted
            assert facts["skipped"] == []
            types = {row["type"]: row for row in document["types"]}
            assert types["__main__.Holder"]["retained_device"] == of_holders
            assert types["__main__.Holder"]["retained"] < facts["bytes"]


def test_a_census_counts_the_processs_memory(memwhy, tmp_path):
    if not pythons_with_torch():
        pytest.skip("no CPython here has torch")
    python = pythons_with_torch()[-1]
    sums = []
    with waiting(memwhy, python, PROGRAM, tmp_path) as target:
        for _ in range(2):
            done = subprocess.run(
                [memwhy, "heap", "growth", str(target.pid), "--every=0", "--rounds=2", "--json"],
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.returncode == 0, done.stderr
            types = {row["type"]: row for row in json.loads(done.stdout)["types"]}
            sums.append((types["torch.Tensor"]["shallow"][-1], types["torch.Tensor"]["objects"][-1]))
            target.ask("more")
    (before, few), (after, many) = sums
    assert many == few + 2
    # One has 400,000 bytes behind it, one a MiB on a device.
    assert 400_000 <= after - before <= 401_000
    assert before < 10 << 20
