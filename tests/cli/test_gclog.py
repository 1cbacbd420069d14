# SPDX-License-Identifier: Apache-2.0
"""memwhy gclog on the command line: where it reads, what it prints, how it fails."""

import json

import pytest

from memwhy_program import memwhy, require_built

LOG = """\
serving
gc: collecting generation 2...
gc: objects in each generation: 700 10 9000
gc: objects in permanent generation: 375
gc: collectable <app.Node 0x7f12ab>
gc: uncollectable <app.Legacy 0x7f12ac>
gc: done, 5 unreachable, 1 uncollectable, 0.2500s elapsed
a request
gc: collecting generation 2...
gc: objects in each generation: 700 10 9000
gc: objects in permanent generation: 375
gc: collectable <module 0x7f12ad>
gc: done, 99 unreachable, 0 uncollectable, 0.0002s elapsed
gc: collecting generation 2...
gc: objects in each generation: 0 0 6000
gc: objects in permanent generation: 375
gc: done, 5 unreachable, 0 uncollectable, 0.0002s elapsed
"""


@pytest.fixture(autouse=True)
def built():
    require_built()


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "gc.log"
    file.write_text(LOG)
    return file


def test_text_gives_the_answer_first(log):
    done = memwhy("gclog", log)
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[1].startswith("1 collection, 1 full; 250 ms in all")
    assert all(len(line) <= 80 for line in lines[1:])
    assert "app.Node" in done.stdout
    assert "1 objects were uncollectable" in done.stdout
    assert "of the interpreter's exit are not counted" in " ".join(done.stdout.split())


def test_json_goes_to_stdout_or_into_a_file(log, tmp_path):
    for arguments in (("gclog", log, "--json"), ("gclog", "--json", log)):
        document = json.loads(memwhy(*arguments).stdout)
        assert document["schema"] == "memwhy.gclog/1"
        assert [c["collected"] for c in document["collections"]] == [4]
        assert [thing["type"] for thing in document["objects"]] == ["app.Node", "app.Legacy"]
    out = tmp_path / "out.json"
    done = memwhy("gclog", log, "--json", out)
    assert done.stdout.startswith(str(log)[:20]) or "1 collection" in done.stdout
    assert json.loads(out.read_text()) == document


def test_keep_shutdown_lists_the_exit(log):
    document = json.loads(memwhy("gclog", log, "--json", "--keep-shutdown").stdout)
    assert [c["shutdown"] for c in document["collections"]] == [False, True, True]
    assert document["objects"][-1] == {
        "address": "0x7f12ad", "type": "module", "state": "collectable", "collection": 2}
    # Sums are those without it.
    assert document["totals"]["collections"] == 1
    assert "3 collections, " not in memwhy("gclog", log, "--keep-shutdown").stdout


def test_stdin(log):
    with log.open() as file:
        document = json.loads(memwhy("gclog", "-", "--json", stdin=file).stdout)
    assert len(document["collections"]) == 1
    assert document["file"] == "-"


def test_a_log_without_the_text_says_what_to_do(tmp_path):
    (tmp_path / "app.log").write_text("one\ntwo\n")
    done = memwhy("gclog", tmp_path / "app.log")
    assert done.returncode == 0
    assert "gc.set_debug(gc.DEBUG_STATS)" in " ".join(done.stdout.split())


def test_top_cuts_the_types(log):
    done = memwhy("gclog", log, "--top", "1")
    assert "1 of 2 types" in done.stdout


def test_errors_say_what_where_and_why(tmp_path, log):
    missing = memwhy("gclog", tmp_path / "no.log")
    assert missing.returncode == 2 and missing.stdout == ""
    assert "no.log: No such file" in missing.stderr and "stderr went to" in missing.stderr
    folder = memwhy("gclog", tmp_path)
    assert folder.returncode == 2 and "it is a folder" in folder.stderr
    assert memwhy("gclog").returncode == 2
    assert memwhy("gclog", log, "--top", "-1").returncode == 2
    unwritable = memwhy("gclog", log, "--json", tmp_path / "no" / "out.json")
    assert unwritable.returncode == 3 and "cannot make" in unwritable.stderr
    full = memwhy("gclog", log, "--json", "/dev/full")
    assert full.returncode == 3 and "No space left" in full.stderr


def test_hostile_names_reach_no_terminal(tmp_path):
    (tmp_path / "gc.log").write_bytes(b"gc: collectable <a\x1b[31m\xff 0x1>\n")
    done = memwhy("gclog", tmp_path / "gc.log", errors="replace")
    assert done.returncode == 0 and "\x1b" not in done.stdout
    document = json.loads(memwhy("gclog", tmp_path / "gc.log", "--json").stdout)
    assert document["objects"][0]["type"] == "a\x1b[31m\ufffd"
