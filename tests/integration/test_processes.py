# SPDX-License-Identifier: Apache-2.0
"""The processes of a recording: each its own part of one session, one combined picture, exact."""

import json
import subprocess

import pytest
from conftest import FULL, TARGETS, clean_environment, find_pythons

PROGRAM = str(TARGETS / "process_tree.py")
UNITS = ("bytes", "blocks")
WHATS = ("allocated", "released", "live")


class Recorded:
    """One way of process_tree.py under `memwhy run`: its truth and the session's stats."""

    def __init__(self, memwhy, python, way, folder, marked, options=()):
        self.session = folder / "s.mwy"
        command = [python.path, PROGRAM, way, str(folder / "notes")]
        self.run = subprocess.run(
            [memwhy, "run", *options, "-o", str(self.session), "--", *command],
            env=clean_environment(PYTHONDONTWRITEBYTECODE="1", **marked),
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.text = self._text_of_stats(memwhy)
        # A session of 100 forks has the interpreter's own sites 100 times: only ours are parsed.
        head, _, sites = self.text.partition('"sites":[')
        self.stats = json.loads(head + '"sites":[]}')
        sites = sites.removesuffix("]}\n").split(",\n")
        self.stats["sites"] = [json.loads(site) for site in sites if '"memalign"' in site]
        lines = (folder / "notes").read_text().splitlines()
        self.truth = [json.loads(line) for line in lines]

    def _text_of_stats(self, memwhy):
        done = subprocess.run(
            [memwhy, "stats", "--json", str(self.session)],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def first(self):
        return next(line["pid"] for line in self.truth if line["made"] == "first")

    def sites(self):
        for site in self.stats["sites"]:
            leaf = site["stack"][0] if site["stack"] else {}
            if site["allocator"] == "memalign" and leaf.get("file") == PROGRAM:
                assert leaf["function"] == "take" and not site["truncated"]
                yield site

    def found(self):
        """Sums of the known site by pid."""
        sums = {}
        for site in self.sites():
            entry = sums.setdefault(site["pid"], {what: [0, 0] for what in (*WHATS, "at_peak")})
            for what in entry:
                entry[what] = [a + site[what][u] for a, u in zip(entry[what], UNITS)]
        return sums

    def known(self, made):
        """What the processes have said of themselves, by pid; images of one process added up."""
        sums = {}
        for line in self.truth:
            if line["made"] not in made:
                continue
            entry = sums.setdefault(line["pid"], {what: [0, 0] for what in WHATS})
            for what in entry:
                entry[what] = [a + line[what][u] for a, u in zip(entry[what], UNITS)]
        return sums

    def check(self, made=("first", "fork", "exec")):
        """Every process made so is in the session, exactly as it said; nobody else is."""
        found = {pid: {w: sums[w] for w in WHATS} for pid, sums in self.found().items()}
        assert found == self.known(made)
        session = self.stats["session"]
        assert session["lost_events"] == 0 and session["damage"] is None

    def check_totals(self):
        """The totals are the sums over all sites of all processes."""
        stats = json.loads(self.text)
        for what, name in [(w, w) for w in (*WHATS, "temporary")] + [("at_peak", "peak")]:
            for unit in UNITS:
                total = sum(site[what][unit] for site in stats["sites"])
                assert stats["totals"][name][unit] == total, (name, unit)

    def check_ends(self):
        """Parents and ends as they were; every process once, an image of one process each."""
        listed = [(p["pid"], p["ended"]) for p in self.stats["processes"]]
        for line in self.truth:
            assert listed.count((line["pid"], line["ended"])) == sum(
                (other["pid"], other["ended"]) == (line["pid"], line["ended"])
                for other in self.truth
            ), (line, listed)
        parents = {p["pid"]: p["parent"] for p in self.stats["processes"]}
        for line in self.truth:
            if line["pid"] != self.first:
                assert parents[line["pid"]] == line["parent"]


@pytest.fixture
def record(memwhy, python, tmp_path, marked):
    def record(way, *options, code=0):
        recorded = Recorded(memwhy, python, way, tmp_path, marked, options)
        assert recorded.run.returncode == code, recorded.run.stderr
        return recorded

    return record


@pytest.fixture
def few(python):
    """For what does not depend on the interpreter: the oldest and the newest will do."""
    minors = sorted((int(p.minor[2:]) for p in find_pythons()[0]))
    if not FULL and int(python.minor[2:]) not in (minors[0], minors[-1]):
        pytest.skip("on every CPython with MEMWHY_FULL_TESTS=1")


@pytest.mark.parametrize("way", ["forks", "programs", "multiprocessing"])
def test_every_process_is_its_own_part(record, way):
    recorded = record(way)
    recorded.check()
    recorded.check_ends()
    recorded.check_totals()


def test_a_process_that_replaces_itself(record):
    recorded = record("exec")
    assert len({line["pid"] for line in recorded.truth}) == 1
    recorded.check()
    recorded.check_ends()
    assert recorded.stats["session"]["ended"] == "exit:0"


def test_a_process_that_is_no_python_any_more(record):
    recorded = record("exec-other", code=5)
    assert json.loads(recorded.run.stdout) == recorded.truth[0]
    recorded.check()
    assert recorded.stats["session"]["ended"] == "exit:5"


def test_follow_none_records_the_first_alone(record, few):
    recorded = record("forks", "--follow", "none")
    recorded.check({"first"})
    assert [p["pid"] for p in recorded.stats["processes"]] == [recorded.first]


@pytest.mark.parametrize("way", ["forks", "programs", "multiprocessing"])
def test_follow_fork_records_what_was_forked(record, few, way):
    recorded = record(way, "--follow", "fork")
    recorded.check({"first", "fork"})


def test_a_storm_of_forks(record, few):
    recorded = record("storm")
    assert len({line["pid"] for line in recorded.truth}) == 101
    recorded.check()
    recorded.check_ends()


def at_peak(recorded):
    return {pid: sums["at_peak"][0] for pid, sums in recorded.found().items()}


def test_the_peak_is_of_all_processes_together(record):
    recorded = record("overlap")
    recorded.check()
    other = next(line["pid"] for line in recorded.truth if line["made"] == "fork")
    assert at_peak(recorded) == {recorded.first: 30_000_000, other: 45_000_000}


def test_what_two_processes_hold_in_turn_is_no_peak(record, few):
    recorded = record("hand-over")
    recorded.check()
    assert sum(at_peak(recorded).values()) in (50_000_000, 50_000_100)


def test_what_a_process_held_at_its_end_is_gone_with_it(record, few):
    recorded = record("ends")
    recorded.check()
    assert sum(at_peak(recorded).values()) == 50_000_000
