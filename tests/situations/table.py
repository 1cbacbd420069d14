#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/limits.md, made of the situations themselves.

usage: tests/situations/table.py [--write]    prints them; --write puts them into the document
"""

import argparse
import importlib.util
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "docs" / "limits.md"
BEGIN = "<!-- made by tests/situations/table.py --write -->"
END = "<!-- end of what table.py makes -->"

# What the driver of a kind sees of the program, beside what every run leaves.
SEEN = {"signals": "signals, stops, streams", "requests": "the answer of `heap dump`",
        "files": "modes of files", "disks": "the kill", "limits": "signals and limits"}
# dump(pid, 3, "it is stopped"): what a driver asks, and must be told.
DUMP = re.compile(r'dump\(\w+, (\d)((?:, f?"[^"]*")*)\)')


sys.path.insert(0, str(HERE))  # for the kinds


def load(path):
    """The module of one kind; its situations are SITUATIONS."""
    spec = importlib.util.spec_from_file_location(f"situations_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kinds():
    """(name, module) of every kind."""
    return [(path.stem, load(path)) for path in sorted((HERE / "kinds").glob("*.py"))]


def compared(kind, situation):
    parts = ["exit code, output, files"]
    if situation.driver:
        parts.append(SEEN[kind])
    if situation.known is not None:
        parts.append({0: "no known block", 1: "1 known block"}.get(
            situation.known, f"{situation.known} known blocks"))
    if situation.limit_s != 60:
        parts.append(f"within {situation.limit_s} s")
    return "; ".join(parts)


def quoted(words):
    return ", ".join(f'"{word}"' for word in words)


def said(situation):
    parts = {True: ["complete"], False: ["not complete"], None: []}[situation.complete]
    if situation.notes:
        parts.append(f"the notes hold {quoted(situation.notes)}")
    for code, words in DUMP.findall(situation.driver):
        words = quoted(re.sub("{.*?}", "N", word) for word in re.findall(r'"([^"]*)"', words))
        answer = "a dump" if code == "0" else f"exit {code}: {words}"
        if f"`heap dump`: {answer}" not in parts:
            parts.append(f"`heap dump`: {answer}")
    return "; ".join(parts) or "-"


def rows(kind, module):
    for situation in module.SITUATIONS:
        cells = (situation.name, situation.what, compared(kind, situation), said(situation))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def tables():
    """The text between BEGIN and END."""
    lines = []
    for kind, module in kinds():
        about = module.__doc__.strip().splitlines()[0]
        lines += [f"### {kind.capitalize()}", "", about, "",
                  "| situation | what happens | compared | what memwhy says |", "|---|---|---|---|",
                  *rows(kind, module), ""]
    return "\n".join(lines)


def split(text):
    """What stands before, between and after the marks."""
    before, begin, rest = text.partition(BEGIN)
    between, end, after = rest.partition(END)
    assert begin and end, f"{DOCUMENT} has no marks"
    return before, between, after


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put them into docs/limits.md")
    if not parser.parse_args().write:
        print(tables())
        return
    before, _, after = split(DOCUMENT.read_text())
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{tables()}\n{END}{after}")


if __name__ == "__main__":
    main()
