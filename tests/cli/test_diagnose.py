# SPDX-License-Identifier: Apache-2.0
"""The command line of diagnose and report: exit codes, what goes to stdout, replay."""

import json
import subprocess
import sys

import pytest
from recorded import MEMWHY, ROOT, need_build

TARGETS = ROOT / "tests" / "targets"


def run(*arguments, timeout=120):
    need_build()
    return subprocess.run(
        [str(MEMWHY), *map(str, arguments)], capture_output=True, text=True, timeout=timeout
    )


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A diagnosis of a list that grows: (session, the document, the finished command)."""
    session = tmp_path_factory.mktemp("diagnose") / "s.mwy"
    target = TARGETS / "list_append_bytes.py"
    done = run(
        "diagnose", "--for", "18", "--max-pause", "10000", "-o", session, "--json", "--",
        sys.executable, target, "--seconds", "100",
    )  # fmt: skip
    return session, json.loads(done.stdout), done


def test_a_leak_is_exit_code_1_and_names_line_and_holder(grown):
    _, document, done = grown
    assert done.returncode == 1
    assert document["schema"] == "memwhy.findings/1"
    assert document["verdict"] == "growing"
    (finding,) = document["findings"]
    assert finding["kind"] == "unbounded_container"
    assert finding["who_allocated"]["callable"] == "__main__.handle"
    assert finding["who_holds"]["holder"] == "__main__.PAYLOADS"
    assert finding["growth_bytes_per_operation"] == pytest.approx(100_033, rel=0.05)


def test_what_is_accepted_blames_nobody(grown, tmp_path):
    session, document, _ = grown
    accepted = tmp_path / "accepted.txt"
    accepted.write_text('# known\npy.* holder="__main__.PAYLOADS" reason="a test of it"\n')
    page = tmp_path / "page.html"
    done = run("diagnose", session, "--suppressions", accepted, "--json", "--html", page)
    again = json.loads(done.stdout)
    assert done.returncode == 0
    assert again["verdict"] == "growing"
    assert again["findings"] == []
    (suppressed,) = again["suppressed"]
    assert suppressed["finding"] == document["findings"][0]
    assert (suppressed["reason"], suppressed["line"]) == ("a test of it", 2)
    assert "a test of it" in page.read_text()
    text = run("diagnose", session, "--suppressions", accepted).stdout
    assert "Suppressed" in text and "line 2: a test of it" in text
    assert max(map(len, text.splitlines())) <= 80
    # Of another holder, nothing is accepted.
    accepted.write_text("py.* holder=__main__.OTHER reason=r")
    done = run("diagnose", session, "--suppressions", accepted, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["suppressed"] == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("py.chain holder=a\n", "accepted.txt, line 1: no reason is given"),
        ("\npy.chain owner=a reason=r\n", 'line 2: "owner" is not known'),
        (None, "accepted.txt"),
    ],
)
def test_a_file_of_suppressions_that_cannot_be_read_is_usage(tmp_path, content, why):
    accepted = tmp_path / "accepted.txt"
    if content is not None:
        accepted.write_text(content)
    done = run("diagnose", "--suppressions", accepted, "--", sys.executable, "-c", "print('ran')")
    assert done.returncode == 2
    assert why in done.stderr
    assert "ran" not in done.stdout


def test_the_ledgers_balance(grown):
    for ledger in grown[1]["ledgers"]:
        assert sum(s["bytes"] for s in ledger["shares"]) + ledger["unattributed"] == ledger["total"]


def test_progress_and_pauses_go_to_stderr(grown):
    stderr = grown[2].stderr
    assert "of 18 s, rss" in stderr
    assert "predicted pause" in stderr
    assert "SIGTERM" in stderr


def test_a_replay_gives_the_same_answer(grown):
    session, document, _ = grown
    again = json.loads(run("diagnose", session, "--json").stdout)
    assert again == document
    # The option takes an optional file, and must not take the session for one.
    assert json.loads(run("diagnose", "--json", session).stdout) == document


def test_another_window_is_judged_on_its_own(grown):
    done = run("diagnose", grown[0], "--from", "6", "--to", "9")
    assert done.returncode == 4
    assert done.stdout.startswith("INCONCLUSIVE")


def test_report_writes_one_page(grown, tmp_path):
    page = tmp_path / "r.html"
    done = run("report", grown[0], "-o", page)
    assert done.returncode == 0
    assert done.stdout == f"{page}\n"
    assert "__main__.PAYLOADS" in page.read_text()


def test_a_program_without_python_is_exit_code_3(tmp_path):
    done = run("diagnose", "-o", tmp_path / "s.mwy", "--", "sleep", "1")
    assert done.returncode == 3
    assert "nothing was recorded" in done.stderr
    assert done.stdout == ""


def test_what_is_not_built_is_exit_code_3():
    for option in (["--pid", "1"], ["--deep", "--", "true"]):
        done = run("diagnose", *option)
        assert done.returncode == 3
        assert "not built yet" in done.stderr


def test_usage_errors_are_exit_code_2(tmp_path):
    for arguments in ([], ["--native", str(ROOT)], ["--for", "0", "--", "true"], ["--for", "x", "--", "true"],
                      [str(tmp_path / "none.mwy")], ["--pid", "1", "--", "true"]):  # fmt: skip
        assert run("diagnose", *arguments).returncode == 2, arguments
