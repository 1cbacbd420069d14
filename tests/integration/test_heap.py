# SPDX-License-Identifier: Apache-2.0
"""Heap dumps of real processes on every CPython: whole, true in size, told in words."""

import json
import os
import subprocess
import time

import pytest
from conftest import TARGETS, build_extension, wait_for
from heap_dump import view, waiting

HERE = os.path.dirname(__file__)


def rows_of(document):
    return {row["type"]: row for row in document["types"]}


def test_paths_name_the_holder(memwhy, python, tmp_path):
    with waiting(memwhy, python, TARGETS / "heap_holders.py", tmp_path) as target:
        dump = target.dump()
    wrong = {}
    for name, parts in target.said["holders"].items():
        paths = view(memwhy, "path", dump, "--type", f"__main__.{name}")["paths"]
        assert len(paths) == 1, name
        at, text = 0, paths[0]["text"]
        for part in parts:
            at = text.find(part, at)
            if at < 0:
                wrong[name] = text
                break
    assert not wrong
    document = view(memwhy, "path", dump, "--type", "__main__.InContext")
    assert document["paths"][0]["root"] == {"kind": "context", "name": "context"}
    document = view(memwhy, "path", dump, "--type", "__main__.InFrame")
    path = document["paths"][0]
    assert path["root"] == {"kind": "frame local", "name": "wait_in_frame"}
    source = (TARGETS / "heap_holders.py").read_text().splitlines()
    frame = path["frame"]
    assert frame["function"] == "wait_in_frame" and frame["file"] == str(TARGETS / "heap_holders.py")
    assert source[frame["line"] - 1].strip().endswith("# the line that waits")
    assert frame["thread_name"] == "in-a-frame"
    text = run_heap(memwhy, "path", dump, "--type", "__main__.InFrame").stdout
    place = f"heap_holders.py:{frame['line']}, thread in-a-frame ({frame['thread']:#x})"
    assert f"root: frame local; {place}" in text


def test_the_prediction_counts_who_computes(memwhy, python, tmp_path):
    """Who needs the GIL stands behind the dump and behind the thread that had it before."""
    interval_ms = 15
    target = TARGETS / "heap_busy.py"
    with waiting(memwhy, python, target, tmp_path, str(interval_ms / 1000)) as busy:
        dump = busy.dump("a.heap", "--no-scan")
    assert view(memwhy, "types", dump)["dump"]["predicted_pause_ms"] >= interval_ms


def test_population_sizes_and_collector(memwhy, python, tmp_path):
    with waiting(memwhy, python, TARGETS / "heap_population.py", tmp_path) as target:
        dump = target.dump("a.heap")
        in_place = target.dump("b.heap", "--in-place")
        grown = target.ask("grow 1000")
        bigger = target.dump("c.heap")
        target.ask("cycles 50")
        disabled = target.dump("d.heap")
        target.ask("enable")
        enabled = target.dump("e.heap")
        after = target.ask("state")
        target.ask("freeze")
        frozen = target.dump("f.heap")
    document = view(memwhy, "types", dump)
    assert document["dump"]["method"] == "clone" and document["dump"]["complete"]
    types = rows_of(document)
    for name, truth in target.said["truth"].items():
        assert (types[name]["objects"], types[name]["shallow"]) == tuple(truth.values()), name
    for address, size in target.said["built_in"]:
        paths = view(memwhy, "path", dump, "--address", address)["paths"]
        assert paths[0]["object"]["shallow"] == size, paths[0]["object"]["type"]
    # All that gc knows is there: it knows the list that it gives, too, and little is made meanwhile.
    tracked = sum(row["tracked"] for row in document["types"])
    # What is frozen gc.get_objects() leaves out; 3.12 begins with some.
    hidden = sum(r["tracked"] for r in view(memwhy, "types", dump, "--generation", "3")["types"])
    assert abs(tracked - hidden - target.said["tracked"]) <= 20
    assert document["dump"]["objects"] > 1.5 * tracked

    other = view(memwhy, "types", in_place)
    assert other["dump"]["method"] == "in_place"
    assert other["dump"]["predicted_pause_ms"] > other["dump"]["objects"] * 0.00002
    # The same but for objects that nothing of Python leads to: in place they are not looked for.
    differences = []
    for name, row in rows_of(other).items():
        if name not in types or abs(row["tracked"] - types[name]["tracked"]) > 5:
            differences.append((name, row, types.get(name)))
        if row["objects"] > types[name]["objects"] + 5:
            differences.append((name, row, types.get(name)))
    assert not differences

    # Nothing of the collector was changed by any dump.
    assert grown["enabled"] is False and after["enabled"] is True
    changes = {row["type"]: row for row in view(memwhy, "diff", dump, bigger)["types"]}
    assert changes["__main__.Grown"]["before"] == 0
    assert changes["__main__.Grown"]["after"] == changes["__main__.Grown"]["new"] == 1000
    assert changes["__main__.Grown"]["gone"] == 0

    why = view(memwhy, "why", bigger, "--type", "__main__.Grown")
    assert why["objects"] == 1000 and len(why["clusters"]) == 1
    assert why["clusters"][0]["signature"] == "__main__.GROWN[*]"
    assert why["clusters"][0]["owner"]["text"] == "__main__.GROWN"
    trend = rows_of(view(memwhy, "trend", dump, bigger))
    assert trend["__main__.Grown"]["objects"] == [0, 1000] and trend["__main__.Grown"]["grows"]
    query = view(memwhy, "query", bigger, "--type", "__main__.Grow*", "--top", "3")
    assert query["matches"] == 1000 and len(query["objects"]) == 3
    one = query["objects"][0]["address"]
    holders = view(memwhy, "query", bigger, "--holds", one)["objects"]
    assert [holder["type"] for holder in holders] == ["list"]
    held = view(memwhy, "query", bigger, "--held-by", holders[0]["address"])
    assert held["matches"] == 1000

    # What json makes and drops is garbage, too.
    garbage = view(memwhy, "cycles", bigger)["cycles"]
    assert not any("__main__.Cycle" in cycle["types"] for cycle in garbage)
    for path, why in ((disabled, "disabled"), (enabled, "threshold"), (frozen, "frozen")):
        cycles = view(memwhy, "cycles", path)["cycles"]
        mine = [c for c in cycles if c["types"].get("__main__.Cycle") == 2]
        assert len(mine) == 50
        assert {c["why"] for c in mine} == {why}
        assert all(c["reachable"] is False and c["bytes"] > 0 for c in mine)
    young = rows_of(view(memwhy, "types", enabled, "--generation", "0"))
    assert young["__main__.Cycle"]["objects"] == 100
    permanent = rows_of(view(memwhy, "types", frozen, "--generation", "3"))
    assert permanent["__main__.Cycle"]["objects"] == 100


def test_lost_references_are_proven_and_held_ones_are_not(memwhy, python, tmp_path):
    library = build_extension(python, f"{HERE}/heap/references.c", tmp_path)
    environment = {"PYTHONPATH": str(library.parent)}
    with waiting(
        memwhy, python, TARGETS / "heap_references.py", tmp_path, "100", environment=environment
    ) as target:
        dump = target.dump()
    document = view(memwhy, "refs", dump)
    assert document["totals"]["scanned"]
    leaked = {hex(address) for address in target.said["leaked"]}
    held = {hex(address) for address in target.said["held"]}
    assert len(leaked) == 1000 and len(held) == 100
    listed = {o["address"]: o for o in document["objects"] if o["surplus"] > 0}
    known = {a for a, o in listed.items() if o["held"]}
    assert leaked <= set(listed) - known, "every lost reference is seen"
    proven = {a for a, o in listed.items() if o["proof"] in ("certain", "scanned")}
    print(f"{len(proven & leaked)} of {len(leaked)} proven, {len(proven - leaked)} others")
    assert not proven & held, "none that C code holds is called leaked"
    assert len(proven - leaked) <= 0.01 * len(proven)
    assert len(proven & leaked) >= 0.75 * len(leaked)
    # What C code holds is named by it, in its data and in memory that only its data leads to.
    assert held <= known
    places = [listed[a]["held_by"].partition("+")[0] for a in held]
    assert sorted(set(places)) == ["memory behind references.so:list", "references.so:references_kept"]
    assert places.count("references.so:references_kept") == 50
    noise = len(set(listed) - leaked - known)
    cycles = view(memwhy, "cycles", dump)["cycles"]
    old = [cycle for cycle in cycles if "references.Old" in cycle["types"]]
    assert [(cycle["types"], cycle["why"]) for cycle in old] == [
        ({"references.Old": 2}, "uncollectable")
    ] * 3
    assert noise == sum(not o["held"] for o in document["objects"] if o["surplus"] > 0) - 1000
    assert noise <= 0.001 * document["dump"]["objects"]


SERVICE = """if 1:
    import gc, json, os, signal, sys, threading, time
    got = []
    signal.signal(signal.SIGCHLD, lambda *a: got.append("SIGCHLD"))
    forked = []
    os.register_at_fork(before=lambda: forked.append("before"))
    served, stop = [0], []
    keep = [{"n": i} for i in range(50000)]
    def serve():
        while not stop:
            keep[served[0] % len(keep)] = {"n": served[0]}
            served[0] += 1
            time.sleep(0)
    threads = [threading.Thread(target=serve) for _ in range(2)]
    for thread in threads: thread.start()
    threshold = gc.get_threshold()
    print(json.dumps({"pid": os.getpid()}), flush=True)
    for line in iter(sys.stdin.readline, ""):
        try:
            os.waitpid(-1, os.WNOHANG)
            child = "a child"
        except ChildProcessError:
            child = None
        print(json.dumps({"signals": got, "forks": forked, "child": child, "served": served[0],
                          "enabled": gc.isenabled(), "threshold": gc.get_threshold() == threshold,
                          "threads": threading.active_count()}), flush=True)
    stop.append(1)
    for thread in threads: thread.join()
"""


def test_a_service_does_not_notice(memwhy, python, tmp_path):
    program = tmp_path / "service.py"
    program.write_text("exec(" + repr(SERVICE) + ")\n")
    with waiting(memwhy, python, program, tmp_path / "run") as target:
        before = target.ask("state")
        descriptors = len(os.listdir(f"/proc/{target.pid}/fd"))
        for _ in range(10):
            dump = target.dump("d.heap")
        after = target.ask("state")
        assert len(os.listdir(f"/proc/{target.pid}/fd")) == descriptors
        assert not list((tmp_path / "run" / "s.mwy").glob("dump.*"))
    assert after["served"] > before["served"]
    assert {**after, "served": 0} == {**before, "served": 0}
    assert before["signals"] == [] and before["child"] is None and before["enabled"] is True
    assert view(memwhy, "types", dump)["dump"]["skipped"] == []


def test_a_killed_command_leaves_the_target_alone(memwhy, python, tmp_path):
    with waiting(memwhy, python, TARGETS / "heap_population.py", tmp_path) as target:
        target.ask("enable")
        for delay in (0.0, 0.02, 0.05, 0.08, 0.12, 0.2):
            command = subprocess.Popen(
                [memwhy, "heap", "dump", str(target.pid), "-o", str(tmp_path / "killed.heap")],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(delay)
            command.kill()
            command.wait()
        # The clone that nobody reads ends by itself, and the collection goes on.
        wait_for(lambda: target.ask("state")["enabled"], what="collection that goes on")
        assert view(memwhy, "types", target.dump())["dump"]["complete"]


DUMPS_ITSELF = """if 1:
    import json, os, sys
    import memwhy
    kept = [object() for _ in range(1000)]
    answer = {"pid": os.getpid(), "path": memwhy.heap.dump(sys.argv[1])}
    try:
        memwhy.heap.dump(sys.argv[1], max_pause_ms=0.00001)
    except memwhy.heap.DumpError as error:
        answer["refused"] = str(error)
    print(json.dumps(answer), flush=True)
    sys.stdin.read()
"""


def test_a_program_dumps_itself(memwhy, python, tmp_path):
    if python.minor == "3.8":
        pytest.skip("the package supports 3.9 and later")
    program = tmp_path / "itself.py"
    program.write_text("exec(" + repr(DUMPS_ITSELF) + ")\n")
    package = os.path.join(HERE, "..", "..", "python")
    environment = {"PYTHONPATH": package, "MEMWHY_BIN": memwhy}
    path = tmp_path / "own.heap"
    with waiting(
        memwhy, python, program, tmp_path / "run", str(path), environment=environment
    ) as target:
        assert target.said["path"] == str(path)
        assert "--max-pause" in target.said["refused"]
    assert rows_of(view(memwhy, "types", path))["object"]["objects"] >= 1000


def run_heap(memwhy, *arguments):
    return subprocess.run(
        [memwhy, "heap", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


def test_errors_say_what_to_do(memwhy, python, tmp_path):
    done = run_heap(memwhy, "dump", os.getpid())
    assert done.returncode == 3 and "does not have memwhy's agent" in done.stderr
    done = run_heap(memwhy, "dump", 2**22 - 3)
    assert done.returncode == 3 and "no process" in done.stderr
    program = TARGETS / "heap_population.py"
    with waiting(memwhy, python, program, tmp_path, session="named as you like") as target:
        refused = run_heap(
            memwhy, "dump", target.pid, "-o", tmp_path / "r.heap", "--max-pause", "0.0001"
        )
        assert refused.returncode == 3 and "--max-pause" in refused.stderr
        assert not (tmp_path / "r.heap").exists()
        dump = target.dump()
        (tmp_path / "no").mkdir()
        done = run_heap(memwhy, "dump", target.pid, "-o", tmp_path / "missing" / "x.heap")
        assert done.returncode == 3 and "missing" in done.stderr
    whole = dump.read_bytes()
    cut = tmp_path / "cut.heap"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    document = json.loads(run_heap(memwhy, "types", cut, "--json").stdout)
    assert document["dump"]["complete"] is False and "damage" in document["dump"]
    for content in (b"", b"no dump", whole[:10]):
        cut.write_bytes(content)
        done = run_heap(memwhy, "types", cut)
        assert done.returncode == 2 and "heap dump" in done.stderr
    for position in range(40, len(whole), max(1, len(whole) // 25)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x55
        cut.write_bytes(damaged)
        done = run_heap(memwhy, "types", cut, "--json")
        assert done.returncode in (0, 2), done.stderr
    done = run_heap(memwhy, "path", dump, "--type", "no.Such")
    assert done.returncode == 2 and "heap types" in done.stderr


@pytest.mark.parametrize("command", ["types", "retained", "path", "cycles", "refs", "query"])
def test_text_fits_a_terminal(memwhy, tmp_path, command, system_dump):
    arguments = ["--type", "__main__.InList"] if command == "path" else []
    done = run_heap(memwhy, command, system_dump, *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 2
    # A path is the answer itself and is not cut.
    assert all(len(line) <= 80 for line in lines if command != "path"), done.stdout


@pytest.fixture(scope="module")
def system_dump(memwhy, tmp_path_factory):
    from conftest import find_pythons

    folder = tmp_path_factory.mktemp("heap")
    with waiting(memwhy, find_pythons()[0][0], TARGETS / "heap_holders.py", folder) as target:
        return target.dump()
