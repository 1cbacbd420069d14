# SPDX-License-Identifier: Apache-2.0
"""What a target, a file or an argument is called never reaches a terminal as it is."""

import contextlib
import json
import subprocess
import sys
import unicodedata

from conftest import ROOT, TARGETS, clean_environment

sys.path.append(str(ROOT / "tests" / "cli"))
from memwhy_program import python  # noqa: E402

HIDDEN = ("Cc", "Cf", "Zl", "Zp", "Cs", "Cn")


def hidden(output):
    """The characters that have no place in a terminal; what is no UTF-8 raises."""
    return {hex(ord(c)) for c in output.decode("utf-8")
            if c != "\n" and unicodedata.category(c) in HIDDEN}


def run(memwhy, *arguments, codes=(0, 1, 4)):
    """Runs a command and checks what it printed."""
    done = subprocess.run([memwhy, *arguments], capture_output=True, timeout=120,
                          env=clean_environment())
    assert done.returncode in codes, done.stderr.decode(errors="replace")
    for stream in (done.stdout, done.stderr):
        assert hidden(stream) == set(), (done.args, stream)
        lines = stream.decode("utf-8").split("\n")
        assert not [line for line in lines if line.lstrip().startswith("memwhy: forged")], done.args
    return done


@contextlib.contextmanager
def program(memwhy, session):
    """The target under memwhy run; yields its pid."""
    process = subprocess.Popen(
        [memwhy, "run", "-o", session, "--", python(), TARGETS / "hostile_names.py",
         session.parent, "\x1b[31m\u202e", b"\x9b31m\n"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
    )
    try:
        yield str(json.loads(process.stdout.readline())["pid"])
    finally:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors.startswith(b"memwhy: session ") and hidden(errors) == set(), errors


OF_SESSIONS = [
    ["stats", "SESSION", "--histogram"],
    ["stats", "SESSION", "--json"],
    *[["table", "SESSION", "--by", by] for by in ("stack", "module", "thread", "process")],
    ["table", "SESSION", "--by", "thread", "--json"],
    ["tree", "SESSION"],
    ["tree", "SESSION", "--inverted", "--json"],
    ["diff", "SESSION", "SESSION"],
    ["diff", "SESSION", "SESSION", "--json"],
    ["explain", "SESSION", "--tree"],
    ["explain", "SESSION", "--json"],
    ["diagnose", "SESSION"],
    ["diagnose", "SESSION", "--json"],
    ["inspect", "SESSION", "--events"],
    ["inspect", "SESSION", "--events", "--json"],
    ["flamegraph", "SESSION", "--json", "-o", "OUT"],
    ["report", "SESSION", "--json", "-o", "OUT"],
]
OF_DUMPS = [
    ["types", "DUMP", "--top", "1000"],
    ["types", "DUMP", "--json"],
    ["retained", "DUMP"],
    ["path", "DUMP", "--type", "list", "--max", "50"],
    ["path", "DUMP", "--type", "bytes", "--json"],
    ["path", "DUMP", "--type", "bytes", "--session", "SESSION"],
    ["why", "DUMP", "--type", "bytes"],
    ["why", "DUMP", "--type", "bytes", "--json"],
    ["cycles", "DUMP"],
    ["refs", "DUMP"],
    ["query", "DUMP", "--type", "dict"],
    ["diff", "DUMP", "DUMP"],
    ["trend", "DUMP", "DUMP"],
    ["export", "DUMP", "--format", "hprof", "-o", "OUT"],
]


def test_no_name_reaches_a_terminal_as_it_is(memwhy, tmp_path):
    session, dump, out = (tmp_path / f"\x1b[31m\u202e\n.{end}" for end in ("mwy", "heap", "out"))
    with program(memwhy, session) as pid:
        run(memwhy, "heap", "dump", pid, "-o", dump)
        run(memwhy, "heap", "growth", pid, "--rounds", "2", "--every", "1")
        run(memwhy, "explain", pid)
        run(memwhy, "doctor", "--pid", pid)
        run(memwhy, "doctor", "--json", "--pid", pid)
    seen = b""
    words = {"SESSION": session, "DUMP": dump, "OUT": out}
    for command in OF_SESSIONS + [["heap", *command] for command in OF_DUMPS]:
        seen += run(memwhy, *[words.get(word, word) for word in command]).stdout
    seen += run(memwhy, "inspect", dump, "--events").stdout
    # The names are there all the same, written out; in JSON they read back as they were.
    assert b"\\x1b]52;c;QQ==" in seen and b"\\u202eabc" in seen
    stats = json.loads(run(memwhy, "stats", session, "--json").stdout)
    assert "\u202eabc\u200b" in json.dumps(stats, ensure_ascii=False)
    # Pages.
    for command in (["report"], ["flamegraph", "--show", "allocated"]):
        page = tmp_path / "page.html"
        run(memwhy, *command, session, "-o", page)
        assert hidden(page.read_bytes()) == set() and b"]52;c;QQ==" in page.read_bytes(), command
    run(memwhy, "diff", session, session, "-o", tmp_path / "d.html")
    assert hidden((tmp_path / "d.html").read_bytes()) == set()
    run(memwhy, "diagnose", "--for", "1", "--", python(), "-c",
        "import time; time.sleep(30)", "\x1b[31m\u202e", codes=(0, 1, 3, 4))


def test_no_name_of_a_log_reaches_a_terminal_as_it_is(memwhy, tmp_path):
    log = tmp_path / "\x1b[31m.log"
    log.write_bytes(b"gc: collecting generation 2...\n"
                    b"gc: collectable <\x1b[31m\xe2\x80\xae\x9b 0x7f0000001000>\n"
                    b"gc: done, 1 unreachable, 0 uncollectable, 0.0001s elapsed\n")
    assert b"\\x1b[31m\\u202e\\x9b" in run(memwhy, "gclog", log).stdout
    run(memwhy, "gclog", log, "--json", "-")


def test_errors_write_out_what_they_name(memwhy, tmp_path):
    bad = tmp_path / "\x1b[31m\u202e\nmemwhy: forged"
    for command in (["stats"], ["inspect"], ["heap", "types"], ["gclog"], ["diagnose"], ["report"],
                    ["explain"], ["nothing"]):
        rest = ["-o", bad / "out"] if command == ["report"] else []
        done = run(memwhy, *command, bad, *rest, codes=(2, 3))
        if command != ["nothing"]:
            assert b"\\x1b[31m\\u202e\\nmemwhy: forged" in done.stderr, command
    bad.write_bytes(b"\x1b[31m" * 100)
    for command in (["stats"], ["inspect"], ["heap", "types"], ["diagnose"]):
        assert b"\\x1b[31m\\u202e" in run(memwhy, *command, bad, codes=(2, 3)).stderr
