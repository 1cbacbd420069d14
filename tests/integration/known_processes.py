# SPDX-License-Identifier: Apache-2.0
"""A session of several processes beside what each has noted of itself (process_books.py)."""

import json
import subprocess

from conftest import TARGETS

BOOKS = str(TARGETS / "process_books.py")
UNITS = ("bytes", "blocks")
WHATS = ("allocated", "released", "live")
EVERY_WAY = ("first", "fork", "exec")


class KnownProcesses:
    """The truth, and the stats of the session: all of its head, but of the sites only ours."""

    def __init__(self, memwhy, session, notes):
        done = subprocess.run(
            [memwhy, "stats", "--json", str(session)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        self.text = done.stdout
        # A session of 100 forks has the interpreter's own sites 100 times: only ours are parsed.
        head, _, sites = self.text.partition('"sites":[')
        self.stats = json.loads(head + '"sites":[]}')
        sites = sites.removesuffix("]}\n").split(",\n")
        self.stats["sites"] = [json.loads(site) for site in sites if '"memalign"' in site]
        # A process may have said more than once how it stands; the last line of an image counts.
        lines = {}
        for line in map(json.loads, notes.read_text().splitlines()):
            lines[line["pid"], line["image"]] = line
        self.truth = list(lines.values())

    @property
    def first(self):
        return next((line["pid"] for line in self.truth if line["made"] == "first"), None)

    def sites(self):
        for site in self.stats["sites"]:
            leaf = site["stack"][0] if site["stack"] else {}
            if site["allocator"] == "memalign" and leaf.get("file") == BOOKS:
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

    def check(self, made=EVERY_WAY):
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
        """Parents and ends as they were, each image of a process once."""
        listed = [(p["pid"], p["ended"]) for p in self.stats["processes"]]
        noted = [(line["pid"], line["ended"]) for line in self.truth]
        for end in noted:
            # Of one that was killed and reaped before the recorder saw it, nobody knows how.
            lost = listed.count((end[0], "recorder_lost")) if end[1].startswith("signal") else 0
            assert listed.count(end) + lost == noted.count(end), (end, listed)
        parents = {p["pid"]: p["parent"] for p in self.stats["processes"]}
        for line in self.truth:
            if line["pid"] != self.first:
                assert parents[line["pid"]] == line["parent"]
