# SPDX-License-Identifier: Apache-2.0
"""tools/check_docs finds planted breaches and is content with the tree."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "check_docs"


def run(root):
    return subprocess.run([sys.executable, TOOL, root], capture_output=True, text=True)


def breaches(tmp_path, **documents):
    for name, text in documents.items():
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    return run(tmp_path).stdout.splitlines()


def test_tree_is_clean():
    result = run(ROOT)
    assert result.stdout == ""
    assert result.returncode == 0


def test_link_to_nothing_is_named_with_file_and_line(tmp_path):
    (tmp_path / "guide.md").write_text("# Guide\n\nSee [this](no.md) and [that](guide.md).\n")
    result = run(tmp_path)
    assert result.stdout == 'guide.md:3: "no.md" does not exist\n'
    assert result.returncode == 1


def test_links_of_all_forms_are_followed(tmp_path):
    lines = breaches(tmp_path, a="![picture](a.png)\n[`code`](b.md)\n[x]: c.md\n[two\nlines](d.md)\n"
                                 "[named](<e.md> \"title\")\n")
    assert [line.split()[1] for line in lines] == [
        '"a.png"', '"b.md"', '"c.md"', '"d.md"', '"e.md"']


def test_what_is_no_link_into_the_tree_is_left_alone(tmp_path):
    assert breaches(tmp_path, a="[far](https://example.org/x.md) [mail](mailto:a@b.c)\n"
                                "`[code](no.md)` and ``[more `code`](no.md)``\n"
                                "```\n[block](no.md)\n```\n[back](a.md)\n") == []


def test_link_must_stay_in_the_tree(tmp_path):
    assert breaches(tmp_path, a="[up](../x.md) [root](/etc/passwd)\n") == [
        'a.md:1: "../x.md" leads out of the tree', 'a.md:1: "/etc/passwd" is not relative']


def test_anchor_must_be_a_heading(tmp_path):
    assert breaches(
        tmp_path,
        a="[1](b.md#what-stats-prints-as-json) [2](b.md#twice-1) [3](#own) [4](b.md#block)\n# Own\n",
        b="# What `stats` prints, as JSON\n## Twice\n## Twice\n```\n# block\n```\n",
    ) == ['a.md:1: "b.md#block": b.md has no such heading']


def test_long_lines_of_prose_only(tmp_path):
    long = "word " * 21
    assert breaches(
        tmp_path,
        a=f"{'é' * 100}\n{long}\n| {long} |\n```\n{long}\n```\n- https://example.org/{'x' * 100}\n",
    ) == ["a.md:2: 105 columns, at most 100"]


def test_only_tracked_documents_are_checked(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "tracked.md").write_text("[no](a.md)\n")
    (tmp_path / "other.md").write_text("[no](b.md)\n")
    subprocess.run(["git", "-C", tmp_path, "add", "tracked.md"], check=True)
    assert run(tmp_path).stdout == 'tracked.md:1: "a.md" does not exist\n'
