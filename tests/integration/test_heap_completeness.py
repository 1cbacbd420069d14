# SPDX-License-Identifier: Apache-2.0
"""Heap dumps against truths that the targets know of themselves: every object is found, every object
found is real, and only what was lost is called so."""

import array
import collections
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FULL, ROOT, build_extension, clean_environment, find_pythons
from heap_dump import view, waiting

HERE = ROOT / "tests" / "integration" / "heap"
PACKAGES = Path(
    os.environ.get("MEMWHY_HEAP_PACKAGES", Path.home() / ".cache/memwhy/heap_packages")
)
DEAD, YOUNG = 2, 3  # of live_blocks.states
GROUPS = 12  # printed
MOST_NOISE = 0.001  # of all objects: with references too many, proven or not, that nobody planted
# Types whose objects have attribute values, or memory of C code, beyond sys.getsizeof.
LARGER = {"Plain", "Struct", "ndarray", "MaskedArray", "Tagged"}


@pytest.fixture(params=find_pythons()[0], ids=lambda p: f"{p.version}-{p.path.split('/')[1]}")
def some_python(request):
    """The distribution's CPython and the newest; with MEMWHY_FULL_TESTS=1 all."""
    if not FULL and request.param not in (find_pythons()[0][0], find_pythons()[0][-1]):
        pytest.skip("with MEMWHY_FULL_TESTS=1")
    return request.param


def objects_of(memwhy, dump):
    """All objects of a dump by address, and the dump's facts."""
    document = view(memwhy, "query", dump)
    return {int(o["address"], 16): o for o in document["objects"]}, document["dump"]


def unbalanced(memwhy, dump):
    """Objects with references too many by address, those left out that C code is known to hold; and
    those of them that are proven."""
    document = view(memwhy, "refs", dump)
    assert document["totals"]["scanned"]
    listed = {
        int(o["address"], 16): o
        for o in document["objects"]
        if o["surplus"] > 0 and not o["held"]
    }
    return listed, {a for a, o in listed.items() if o["proof"] in ("certain", "scanned")}


def read_addresses(path):
    addresses = array.array("Q")
    addresses.frombytes(path.read_bytes())
    return set(addresses)


def check_planted(found, planted):
    """Each is there, of its type and size."""
    wrong = collections.Counter()
    for address, name, size in planted:
        there = found.get(address)
        if there is None:
            wrong["missing", name] += 1
        elif there["type"].rpartition(".")[2] != name.rpartition(".")[2]:
            wrong["type", name, there["type"]] += 1
        elif there["shallow"] != size and name.rpartition(".")[2] not in LARGER:
            wrong["size", name, size, there["shallow"]] += 1
    return dict(wrong)


def check_lost(memwhy, dump, lost, listed):
    """All are there. What a library's objects lead to may be memory that was never cleared: of some it
    may look as if that held them."""
    assert lost <= {int(o["address"], 16) for o in view(memwhy, "refs", dump)["objects"]}
    assert len(lost & set(listed)) >= 0.95 * len(lost)


def report(python, what, facts, listed, proven, lost, held):
    """Numbers for the reader of the log, and the largest groups of what nobody planted."""
    others = [o for a, o in listed.items() if a not in lost | held]
    print(
        f"\n{python.version} {what}: {facts['objects']} objects, {len(listed)} with references too"
        f" many, {len(others)} of them ({len(others) / facts['objects']:.3%}) for other reasons;"
        f" {len(proven & lost)} of {len(lost)} lost ones proven, and {len(proven - lost)} others"
    )
    groups = collections.Counter(
        (o["type"], o["surplus"], o["proof"], re.sub(r"0x[0-9a-f]+", "0x", o["held_by"] or "")) for o in others
    )
    for (name, surplus, proof, place), number in groups.most_common(GROUPS):
        print(f"  {number} {name} +{surplus} {proof} {place}")


def test_what_threads_have_freed_is_no_object(memwhy, python, tmp_path):
    """Blocks in use that begin like objects may be some; what else looks like one is none."""
    with waiting(memwhy, python, HERE / "freed_by_threads.py", tmp_path) as target:
        found, facts = objects_of(memwhy, target.dump())
    ghosts = {a for a, o in found.items() if o["type"] == "__main__.Ghost"}
    used = set(target.said["used"])
    assert facts["skipped"] == []
    assert ghosts == used, (len(ghosts - used), len(used - ghosts))


def test_own_builder(memwhy, python, tmp_path):
    check_own_builder(memwhy, python, tmp_path, {})


@pytest.mark.parametrize("allocator", ["debug", "malloc_debug", "malloc"])
def test_own_builder_with_another_allocator(memwhy, some_python, tmp_path, allocator):
    """python -X dev has "debug": each block has a head before what was asked for."""
    check_own_builder(memwhy, some_python, tmp_path, {"PYTHONMALLOC": allocator})


@pytest.mark.parametrize("own", ["pymalloc", "malloc"])
@pytest.mark.parametrize("library", ["jemalloc.so.2", "tcmalloc_minimal.so.4", "mimalloc.so.2"])
def test_allocators_that_are_not_known(memwhy, tmp_path, library, own):
    """Nobody can tell what is free there: what looks lost is listed, what is free is not proven."""
    path = Path(f"/usr/lib/x86_64-linux-gnu/lib{library}")
    if not path.exists():
        pytest.skip(f"no {path}: scripts/install_deps test brings it")
    python = find_pythons()[0][0]
    environment = {"LD_PRELOAD": str(path), "PYTHONMALLOC": own}
    with building(memwhy, python, tmp_path, environment) as target:
        dump = target.dump()
        found, facts = objects_of(memwhy, dump)
        listed, proven = unbalanced(memwhy, dump)
        states = dict(zip(sorted(proven), target.ask(json.dumps(sorted(proven)))))
    for what in ("kept", "held", "lost"):
        assert not check_planted(found, target.said[what]), what
    lost, held = ({planted[0] for planted in target.said[what]} for what in ("lost", "held"))
    report(python, f"{library} {own}", facts, listed, proven, lost, held)
    check_lost(memwhy, dump, lost, listed)
    assert not [listed[a] for a in proven - lost if states[a] == DEAD]
    assert not held & proven


def building(memwhy, python, tmp_path, environment):
    for source in ("live_blocks.c", "references.c"):
        build_extension(python, HERE / source, tmp_path)
    return waiting(
        memwhy,
        python,
        HERE / "own_builder.py",
        tmp_path,
        str(tmp_path),
        environment={"PYTHONPATH": str(tmp_path), **environment},
    )


def check_own_builder(memwhy, python, tmp_path, environment):
    with building(memwhy, python, tmp_path, environment) as target:
        dump = target.dump()
        found, facts = objects_of(memwhy, dump)
        known = read_addresses(tmp_path / "known")
        others = sorted(set(found) - known)
        missing = sorted(known - set(found))
        states = target.ask(json.dumps(others + missing))
    said = target.said
    assert facts["skipped"] == []
    # Found, whoever has it.
    for what in ("kept", "held", "lost"):
        assert not check_planted(found, said[what]), what
    # What a walk of Python's knows, and that has not died since, was found, and what was found lives.
    # Where a young block lies, what the walk saw has died.
    assert [a for a, state in zip(missing, states[len(others) :]) if state not in (DEAD, YOUNG)] == []
    dead = [found[a]["type"] for a, state in zip(others, states) if state == DEAD]
    assert dead == []
    # Only what was lost is called so.
    listed, proven = unbalanced(memwhy, dump)
    lost, held = ({planted[0] for planted in said[what]} for what in ("lost", "held"))
    report(python, "own builder", facts, listed, proven, lost, held)
    check_lost(memwhy, dump, lost, listed)
    assert len(lost & proven) >= 0.85 * len(lost)
    assert not held & proven
    assert len(set(listed) - lost - held) <= MOST_NOISE * facts["objects"]


def test_documents(memwhy, some_python, tmp_path):
    with waiting(memwhy, some_python, HERE / "documents.py", tmp_path, str(tmp_path)) as target:
        dump = target.dump()
    found, facts = objects_of(memwhy, dump)
    listed, proven = unbalanced(memwhy, dump)
    report(some_python, "documents", facts, listed, proven, set(), set())
    assert facts["skipped"] == []
    for what, counts in target.said["counts"].items():
        addresses = read_addresses(tmp_path / what)
        assert len(addresses) == sum(counts.values()) > 50_000
        assert not addresses - set(found)
        types = collections.Counter(found[a]["type"].rpartition(".")[2] for a in addresses)
        assert types == counts
        assert not addresses & proven
    assert len(listed) <= MOST_NOISE * facts["objects"]


def test_all_members_of_a_wide_class_are_references(memwhy, some_python, tmp_path):
    """Only the first 24 have names; the others hold what is in them all the same."""
    with waiting(memwhy, some_python, HERE / "wide_classes.py", tmp_path) as target:
        dump = target.dump()
    types = {t["type"]: t["objects"] for t in view(memwhy, "types", dump)["types"]}
    assert types["__main__.Held"] == target.said["held"]
    listed = collections.Counter(o["type"] for o in view(memwhy, "refs", dump)["objects"])
    assert listed["__main__.Held"] == 0


def packages(name):
    """The folder of one set of packages that scripts/fetch_heap_packages has brought."""
    folder = PACKAGES / name
    if not (folder / "pins").is_file():
        log = PACKAGES / f"{name}.log"
        reason = log.read_text(errors="replace") if log.is_file() else "scripts/fetch_heap_packages did not run"
        pytest.skip(f"no packages {name}: {reason[-200:]}")
    return folder


def over_explained(memwhy, dump):
    """Objects with more edges than references."""
    return [o for o in view(memwhy, "refs", dump)["objects"] if o["surplus"] < 0]


def check_holders(memwhy, dump, holders):
    """The path to one object of each class has the parts that it must have, in this order."""
    wrong = {}
    for name, parts in holders.items():
        text = view(memwhy, "path", dump, "--type", f"__main__.{name}")["paths"][0]["text"]
        at = 0
        for part in parts:
            at = text.find(part, at)
            if at < 0:
                wrong[name] = text
                break
    assert not wrong


@pytest.mark.parametrize("numpy", ["", "numpy-2.0", "numpy-2.2"], ids=lambda name: name or "newest")
def test_numpy(memwhy, some_python, tmp_path, numpy):
    if numpy and some_python is not find_pythons()[0][0]:
        pytest.skip(f"scripts/fetch_heap_packages brings {numpy} for the distribution's CPython alone")
    folder = packages(numpy or some_python.minor)
    build_extension(some_python, HERE / "references.c", tmp_path)
    with waiting(
        memwhy,
        some_python,
        HERE / "numpy_arrays.py",
        tmp_path,
        environment={"PYTHONPATH": f"{tmp_path}:{folder}", "OPENBLAS_NUM_THREADS": "1"},
    ) as target:
        dump = target.dump()
        listed, proven = unbalanced(memwhy, dump)
        lost = set(target.said["lost"])
        # numpy loses some itself; where it is known to, that is no noise.
        others = [a for a in set(listed) - lost if listed[a]["type"] in ("tuple", "float")]
        purposes = dict(zip(others, target.ask(json.dumps(others))))
    said = target.said
    own = {address for address in others if purposes[address] in ("loop", "identity")}
    found, facts = objects_of(memwhy, dump)
    assert facts["skipped"] == []
    wrong = [name for address, name in said["things"] if address not in found]
    assert not wrong and not check_planted(found, said["arrays"])
    report(some_python, f"numpy {said['numpy']}", facts, listed, proven, lost, own)
    print(f"  numpy's own: {len(own)}, of them proven {len(own & proven)}")
    # Whatever form an array has, its objects' references are explained, once each.
    things = {address for address, _ in said["things"]}
    assert not things & set(listed)
    assert not [o["address"] for o in over_explained(memwhy, dump) if "numpy" in o["type"]]
    assert not [o["address"] for o in over_explained(memwhy, dump) if "__main__" in o["type"]]
    check_lost(memwhy, dump, lost, listed)
    assert len(lost & proven) >= 0.8 * len(lost)
    if said["numpy"] >= "2":
        assert len(proven - lost - own) <= 2
    assert len(set(listed) - lost - own) <= MOST_NOISE * facts["objects"]
    check_holders(memwhy, dump, said["holders"])


def build_cython(python, folder):
    """The extension cython_holders, compiled; once for each CPython and source."""
    build = packages("build")
    source = HERE / "cython_holders.pyx"
    done = subprocess.run(
        [sys.executable, "-m", "cython", str(source), "-o", str(folder / "cython_holders.c")],
        env=clean_environment(PYTHONPATH=str(build)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    build_extension(python, folder / "cython_holders.c", folder, "-O0")


def build_pybind11(python, folder):
    build = packages("build")
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    if not python.has_headers:
        pytest.skip(f"no headers of {python.path}")
    command = [compiler, "-std=c++17", "-O0", "-fvisibility=hidden", "-shared", "-fPIC"]
    command += [f"-I{python.include}", f"-I{build}/pybind11/include", str(HERE / "pybind11_holders.cc")]
    subprocess.run([*command, "-o", folder / "pybind11_holders.so"], check=True, timeout=300)


@pytest.mark.parametrize("kind", ["cython", "pybind11"])
def test_extension_classes(memwhy, some_python, tmp_path, kind):
    {"cython": build_cython, "pybind11": build_pybind11}[kind](some_python, tmp_path)
    with waiting(
        memwhy,
        some_python,
        HERE / "extension_classes.py",
        tmp_path,
        kind,
        environment={"PYTHONPATH": str(tmp_path)},
    ) as target:
        dump = target.dump()
        native = target.dump("native.heap", "--native", "--no-scan") if kind == "pybind11" else None
    said = target.said
    found, facts = objects_of(memwhy, dump)
    assert facts["skipped"] == []
    held = {address for address, _ in said["things"] + said["kept"]} | set(said["texts"])
    assert len(held) > 300 and not held - set(found)
    listed, proven = unbalanced(memwhy, dump)
    lost = set(said["lost"])
    report(some_python, kind, facts, listed, proven, lost, held)
    assert not held & proven, "nothing that C++ or Cython holds is called lost"
    assert not [o for o in over_explained(memwhy, dump) if int(o["address"], 16) in held]
    assert lost <= set(listed) and len(lost & proven) >= 0.85 * len(lost)
    assert len(set(listed) - lost - held) <= MOST_NOISE * facts["objects"]
    check_holders(memwhy, dump, said["holders"])
    if native is None:
        return
    # Who has the memory is known without the way there, and who shows the way.
    for place, owner in ("InVector", "Many"), ("InCallback", "Bus"):
        name = f"__main__.{place}"
        held_by = f"memory behind an object of pybind11_holders.{owner}"
        paths = view(memwhy, "path", dump, "--type", name)["paths"]
        # Not of each: the last words of a block may be left over.
        assert {path["held_by"] for path in paths} - {None} == {held_by}
        texts = [
            subprocess.run([memwhy, "heap", "path", one, "--type", name], capture_output=True, text=True).stdout
            for one in (dump, native)
        ]
        assert f"held by {held_by}" in texts[0] and "heap dump --native" in texts[0]
        assert "held by" not in texts[1] and "--native" not in texts[1]
    # Through members of C++ classes, from the instance that has them.
    members = "InHolder InVector InMap InNode InNext InCallback InLambda InCapsule".split()
    check_holders(memwhy, native, {name: ["__main__.KEPT[", "~> "] for name in members})
    paths = view(memwhy, "path", dump, "--type", "__main__.InKept")["paths"]
    for path in paths:
        assert path["root"]["kind"] == "c global" and "pybind11_holders.so:" in path["root"]["name"]


def test_large_service(memwhy, tmp_path):
    """40 modules of a service's kind, most of them in C, C++, Cython and Rust."""
    folder = packages("modules")
    python = next(p for p in find_pythons()[0] if p.path == "/usr/bin/python3")
    for source in ("live_blocks.c", "references.c"):
        build_extension(python, HERE / source, tmp_path)
    with waiting(
        memwhy,
        python,
        HERE / "large_service.py",
        tmp_path,
        str(tmp_path),
        environment={"PYTHONPATH": f"{tmp_path}:{folder}", "OPENBLAS_NUM_THREADS": "1"},
    ) as target:
        dump = target.dump()
        found, facts = objects_of(memwhy, dump)
        known = read_addresses(tmp_path / "known")
        others, missing = sorted(set(found) - known), sorted(known - set(found))
        states = target.ask(json.dumps(others + missing))
    said = target.said
    assert said["modules"] >= 33 and facts["objects"] > 400_000
    assert facts["skipped"] == []
    assert [a for a, state in zip(missing, states[len(others) :]) if state not in (DEAD, YOUNG)] == []
    assert [found[a]["type"] for a, state in zip(others, states) if state == DEAD] == []
    listed, proven = unbalanced(memwhy, dump)
    lost = set(said["lost"])
    report(python, "large service", facts, listed, proven, lost, set())
    check_lost(memwhy, dump, lost, listed)
    assert len(lost & proven) >= 0.8 * len(lost)
    assert len(set(listed) - lost) <= MOST_NOISE * facts["objects"]
