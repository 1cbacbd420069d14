# SPDX-License-Identifier: Apache-2.0
"""Small objects recorded for a time in a running process: exact while it lasts, no trace before and
after, no harm to the program whatever it does meanwhile."""

import json
import select
import subprocess
import sys

import pytest
from conftest import ROOT, TARGETS, clean_environment, stats_of
from heap_dump import view, waiting

PROGRAM = TARGETS / "object_period.py"
SWITCH = ROOT / "build" / "release" / "bin" / "object_switch"


def switch(pid, what):
    """Begins or ends a period; returns the reason why it did not go well, "" if it did."""
    done = subprocess.run(
        [SWITCH, str(pid), what], capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout)["error"]


def inspect(memwhy, session, *options):
    """The blocks of a session."""
    done = subprocess.run(
        [memwhy, "inspect", str(session), "--json", *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout)["blocks"]


def facts(memwhy, session, kind):
    """The facts of one kind; of a period only what was said last."""
    blocks = inspect(memwhy, session)
    found = [block["fact"] for block in blocks if block.get("fact", {}).get("type") == kind]
    if kind == "objects":
        found = list({fact["from_ns"]: fact for fact in found}.values())
    return found


def object_events(memwhy, session):
    """The events of small objects, by process, each with the name of the innermost function."""
    codes, nodes, found = {}, {}, {}
    for block in inspect(memwhy, session, "--events"):
        for piece in block.get("pieces", []):
            stream = piece["process"], piece["thread"]
            for event in piece["events"]:
                if event["kind"] == "define_code":
                    codes.setdefault(stream, []).append(event["name"])
                elif event["kind"] == "define_node":
                    nodes.setdefault(stream, []).append(event["code"])
                elif event["kind"].startswith("object_"):
                    stack = event.get("stack", 0)
                    # The first node is 3, the first code 1 (wire/event.h).
                    code = nodes[stream][stack - 3] if stack >= 3 else 0
                    event["function"] = codes[stream][code - 1] if code else ""
                    found.setdefault(piece["process"], []).append(event)
    return found


def made_by(events, size):
    return [
        event["address"]
        for event in events
        if event["kind"] == "object_allocate"
        and event["function"] == "make"
        and event["size"] == size
    ]


def rows_of_make(memwhy, session):
    """What stats says of the allocations of make()."""
    document = stats_of(memwhy, session)
    assert document["session"]["lost_events"] == 0
    rows = {}
    for site in document["sites"]:
        assert not site["allocator"].startswith("pymem"), site
        names = [frame["function"] for frame in site["stack"]]
        if "make" in names and site["allocator"] != "pymalloc_arena":
            key = site["allocator"], tuple(names)
            rows[key] = rows.get(key, 0) + site["allocated"]["blocks"]
    return rows


def script(target, begin, end):
    """Makes and drops objects before, in and after two periods."""
    said = {"before": target.ask("make before 300")}
    begin()
    said["first"] = target.ask("make first 400 4")
    target.ask("drop before 100")
    target.ask("drop first 50")
    end()
    target.ask("drop first 100")
    said["between"] = target.ask("make between 200")
    begin()
    said["second"] = target.ask("make second 100")
    end()
    target.ask("drop second 50")
    said["after"] = target.ask("make after 100")
    return {name: answer["addresses"] for name, answer in said.items()}


def test_what_is_made_in_a_period_is_known_and_nothing_else(memwhy, python, tmp_path):
    with waiting(memwhy, python, PROGRAM, tmp_path / "plain") as target:
        script(target, lambda: None, lambda: None)
    with waiting(memwhy, python, PROGRAM, tmp_path / "periods") as target:
        pid, size = target.pid, target.said["size"]
        made = script(
            target,
            lambda: assert_good(switch(pid, "begin")),
            lambda: assert_good(switch(pid, "end")),
        )
    assert "process" in switch(pid, "begin")  # it has ended
    session = tmp_path / "periods" / "s.mwy"
    (events,) = object_events(memwhy, session).values()
    assert sorted(made_by(events, size)) == sorted(made["first"] + made["second"])
    last = {}
    for event in events:
        last[event["address"]] = event["kind"]
    freed = {address for address, kind in last.items() if kind == "object_free"}
    assert freed >= set(made["before"][:100]) - set(made["first"] + made["second"])
    # All other views are as they would be without.
    rows = rows_of_make(memwhy, session)
    assert rows
    assert rows == rows_of_make(memwhy, tmp_path / "plain" / "s.mwy")


def assert_good(error):
    assert error == ""


def test_a_forked_child_records_no_objects(memwhy, python, tmp_path):
    with waiting(memwhy, python, PROGRAM, tmp_path) as target:
        assert switch(target.pid, "begin") == ""
        assert target.ask("fork") == {"status": 0}
        mine = target.ask("make mine 100")["addresses"]
        assert switch(target.pid, "end") == ""
        size = target.said["size"]
    found = object_events(memwhy, tmp_path / "s.mwy")
    assert list(found) == [0]
    assert made_by(found[0], size) == mine


def test_a_tool_that_wraps_the_allocators_meanwhile_is_left_alone(memwhy, python, tmp_path):
    with waiting(memwhy, python, PROGRAM, tmp_path) as target:
        pid, size = target.pid, target.said["size"]
        assert switch(pid, "begin") == ""
        target.ask("trace start")
        traced = target.ask("make traced 50")["addresses"]
        assert "another tool has changed" in switch(pid, "end")
        target.ask("make unseen 50")
        assert "another tool has changed" in switch(pid, "begin")
        target.ask("trace stop")
        assert switch(pid, "begin") == ""
        again = target.ask("make again 50")["addresses"]
        assert switch(pid, "end") == ""
        # Below ours it is no obstacle.
        target.ask("trace start")
        assert switch(pid, "begin") == ""
        below = target.ask("make below 50")["addresses"]
        assert switch(pid, "end") == ""
        target.ask("trace stop")
        target.ask("make last 50")
    (events,) = object_events(memwhy, tmp_path / "s.mwy").values()
    assert made_by(events, size) == traced + again + below


def test_switching_while_threads_and_interpreters_allocate(memwhy, python, tmp_path):
    with waiting(memwhy, python, PROGRAM, tmp_path) as target:
        target.process.stdin.write("churn\n")
        target.process.stdin.flush()
        changes = 0
        while changes < 2 or not select.select([target.process.stdout], [], [], 0)[0]:
            assert switch(target.pid, "end" if changes % 2 else "begin") == ""
            changes += 1
        assert json.loads(target.process.stdout.readline()) == {"totals": [288890] * 4}
        assert switch(target.pid, "end") == ""
    document = stats_of(memwhy, tmp_path / "s.mwy")
    assert document["session"]["ended"] == "exit:0"


@pytest.mark.parametrize(
    ("environment", "options", "reason"),
    [
        ({"PYTHONMALLOC": "malloc"}, [], "PYTHONMALLOC=malloc"),
        ({"PYTHONMALLOC": "malloc_debug"}, [], "PYTHONMALLOC=malloc"),
        ({}, ["--objects"], "recorded already"),
        ({"PYTHONMALLOC": "pymalloc_debug"}, [], ""),
    ],
)
def test_other_allocators_are_served_or_refused(
    memwhy, python, tmp_path, environment, options, reason
):
    with waiting(
        memwhy, python, PROGRAM, tmp_path, environment=environment, options=options
    ) as target:
        error = switch(target.pid, "begin")
        assert (reason in error) if reason else error == ""
        made = target.ask("make some 100")["addresses"]
        target.ask("drop some 50")
        switch(target.pid, "end")
        target.ask("make more 100")
        size = target.said["size"]
    found = object_events(memwhy, tmp_path / "s.mwy")
    assert made_by(found.get(0, []), size) == ([] if reason else made)


def births(memwhy, session, dump):
    """Of each Record in the dump the innermost frame of its birth; None where it is not known."""
    paths = view(
        memwhy, "path", session / dump, "--type", "__main__.Record", "--top", 100_000,
        "--session", session,
    )["paths"]  # fmt: skip
    known = [path["object"]["birth"] for path in paths]
    return [birth and (birth[0]["function"], birth[0]["line"]) for birth in known]


def test_a_diagnosis_knows_the_line_of_young_objects(memwhy, tmp_path):
    session = tmp_path / "s.mwy"
    done = subprocess.run(
        [memwhy, "diagnose", "--for", "9", "--objects", "3", "--max-pause", "20000"]
        + ["-o", str(session), "--", sys.executable, str(PROGRAM), "grow"],
        capture_output=True,
        text=True,
        timeout=300,
        env=clean_environment(),
    )
    said = done.stderr
    assert "small objects are recorded for 3 s: the program is slower meanwhile" in said
    assert "small objects:" not in said and "no longer" not in said, said
    line = next(
        number
        for number, text in enumerate(PROGRAM.read_text(encoding="utf-8").splitlines(), 1)
        if text.endswith("# KEEPS")
    )
    before, after = (births(memwhy, session, f"dump.{number}.heap") for number in (1, 2))
    assert set(before) == {None}
    assert set(after) == {None, ("grow", line)}
    (period,) = facts(memwhy, session, "objects")
    assert period["to_ns"] > period["from_ns"]
    last = facts(memwhy, session, "heap_dump")[-1]
    assert period["from_ns"] < last["monotonic_ns"] <= period["to_ns"]


def test_a_diagnosis_may_leave_small_objects_alone(memwhy, tmp_path):
    session = tmp_path / "s.mwy"
    done = subprocess.run(
        [memwhy, "diagnose", "--for", "2", "--objects", "0", "-o", str(session)]
        + ["--", sys.executable, str(PROGRAM), "grow"],
        capture_output=True,
        text=True,
        timeout=300,
        env=clean_environment(),
    )
    assert "small objects" not in done.stderr
    assert facts(memwhy, session, "objects") == []
