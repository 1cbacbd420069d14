# SPDX-License-Identifier: Apache-2.0
"""--redact: keys, names and arguments do not reach the disk, names of the code do."""

import ctypes
import ctypes.util
import json
import re
import signal
import subprocess
import textwrap

import pytest

from memwhy_program import MEMWHY, memwhy, python, require_agent

PROGRAM = """if 1:
    import contextvars, ctypes, mmap, os, signal, sys, threading
    CACHE = {}
    class Item:
        pass
    class Session:
        pass
    ITEM = Item()
    ITEM.visible_attribute = bytearray(7000)
    CURRENT = contextvars.ContextVar("quokkacontext")
    CURRENT.set(Session())
    CACHE["wombatkey" + "x" * 100] = bytearray(5000)
    CACHE["visible_attribute"] = 1
    CACHE[918273645] = bytearray(6000)
    CACHE["outer"] = {("numbat" + "tuple"): 1, "ocelotkey": Session()}
    with open(sys.argv[2], "w+b") as file:
        file.truncate(4096)
        MAPPED = mmap.mmap(file.fileno(), 4096)
    go = threading.Event()
    def wait_for_it(kangaroo_local):
        ctypes.CDLL(None).prctl(15, b"platypuscomm", 0, 0, 0)
        kept = [bytearray(100) for _ in range(50)]
        print("ready", flush=True)
        go.wait()
    thread = threading.Thread(target=wait_for_it, args=({"dingokey": Session()},),
                              name="narwhalthread")
    thread.start()
    signal.signal(signal.SIGTERM, lambda *_: go.set())
    go.wait(60)
    thread.join()
"""
SECRETS = ["wombatkey", "918273645", "ocelotkey", "dingokey", "narwhalthread", "quokkacontext",
           "platypuscomm", "axolotlargument", "echidnafile"]
NAMES = ["CACHE", "ITEM", "visible_attribute", "wait_for_it", "kangaroo_local"]


def contents(path):
    """The bytes of a file and of all that is packed in it."""
    raw = path.read_bytes()
    zstd = ctypes.CDLL(ctypes.util.find_library("zstd"))
    for function in (zstd.ZSTD_findFrameCompressedSize, zstd.ZSTD_decompress):
        function.restype = ctypes.c_size_t
    zstd.ZSTD_getFrameContentSize.restype = ctypes.c_uint64
    parts = [raw]
    for found in re.finditer(re.escape(b"\x28\xb5\x2f\xfd"), raw):
        frame = raw[found.start():found.start() + (4 << 20)]
        size = zstd.ZSTD_findFrameCompressedSize(frame, ctypes.c_size_t(len(frame)))
        room = zstd.ZSTD_getFrameContentSize(frame, ctypes.c_size_t(len(frame)))
        if size > len(frame) or room > 16 << 20:
            continue
        out = ctypes.create_string_buffer(room)
        got = zstd.ZSTD_decompress(out, ctypes.c_size_t(room), frame, ctypes.c_size_t(size))
        if got == room:
            parts.append(out.raw)
    return b"\n".join(parts)


def found_in(paths, words):
    """Where which of the words stand."""
    found = set()
    for path in paths:
        everything = contents(path)
        found.update((path.name, word) for word in words if word.encode() in everything)
    return found


class Recorded:
    """The program under memwhy run with a dump taken, all views written, and ended."""

    def __init__(self, folder, run_options=(), dump_options=()):
        self.session = folder / "s.mwy"
        program = folder / "program.py"
        program.write_text(textwrap.dedent(PROGRAM))
        run = subprocess.Popen(
            [MEMWHY, "run", *run_options, "-o", self.session, "--", python(), program,
             "axolotlargument", folder / "echidnafile"],
            stdout=subprocess.PIPE, text=True,
        )
        assert run.stdout.readline() == "ready\n"
        child = int(subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True,
                                   text=True).stdout.split()[0])
        self.dumps = [folder / "a.heap", folder / "b.heap"]
        for dump in self.dumps:
            done = memwhy("heap", "dump", child, *dump_options, "-o", dump)
            assert done.returncode == 0, done.stderr
        self.while_it_runs = found_in(self.session.iterdir(), SECRETS)
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=60) == 0
        self.views = []
        for name, arguments in {
            "stats.json": ["stats", self.session, "--json"],
            "table.json": ["table", self.session, "--by", "thread", "--json"],
            "diagnosis.json": ["diagnose", self.session, "--json", "-"],
            "session.json": ["inspect", self.session, "--events", "--json"],
            "dump.json": ["inspect", self.dumps[0], "--json"],
            "paths.json": ["heap", "path", self.dumps[0], "--type", "bytearray", "--json"],
            "sessions.json": ["heap", "path", self.dumps[0], "--type", "__main__.Session",
                              "--json"],
        }.items():
            self.views.append(folder / name)
            self.views[-1].write_text(memwhy(*arguments).stdout)
        self.views.append(folder / "report.html")
        assert memwhy("report", self.session, "-o", self.views[-1]).returncode == 0
        self.files = [*self.session.iterdir(), *self.views]

    def paths(self, dump, of_type):
        done = memwhy("heap", "path", dump, "--type", of_type, "--json", "--max", "100")
        assert done.returncode == 0, done.stderr
        return sorted(path["text"] for path in json.loads(done.stdout)["paths"])


@pytest.fixture(scope="module")
def redacted(tmp_path_factory):
    require_agent()
    return Recorded(tmp_path_factory.mktemp("redacted"), ["--redact", "--objects"])


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    require_agent()
    return Recorded(tmp_path_factory.mktemp("plain"), ["--objects"])


def test_nothing_of_the_secrets_is_in_any_file(redacted):
    assert found_in([*redacted.files, *redacted.dumps], SECRETS) == set()
    assert redacted.while_it_runs == set()


def test_without_it_they_are_there(plain):
    """Else the test above would prove nothing."""
    found = {word for _, word in found_in([*plain.files, *plain.dumps], SECRETS)}
    # The kernel's name of a thread is stored only where Python has none.
    assert found == set(SECRETS) - {"platypuscomm"}


def test_names_of_the_code_stay(redacted):
    found = {word for _, word in found_in(redacted.dumps, NAMES)}
    assert found == set(NAMES)
    assert "wait_for_it" in (redacted.session.parent / "stats.json").read_text()


def test_paths_stay_useful(redacted):
    paths = redacted.paths(redacted.dumps[0], "bytearray")
    assert "__main__.ITEM.visible_attribute" in paths
    kinds = {re.sub("[0-9a-f]{8}", "#", path) for path in paths if "CACHE" in path}
    assert kinds == {"__main__.CACHE[<str:#>]", "__main__.CACHE[<int:#>]"}
    sessions = {re.sub("[0-9a-f]{8}", "#", path)
                for path in redacted.paths(redacted.dumps[0], "__main__.Session")}
    assert "__main__.CACHE[<str:#>][<str:#>]" in sessions
    assert "__main__.thread._args[0][<str:#>]" in sessions


def test_a_text_has_one_token_in_all_dumps_of_a_process(redacted):
    for of_type in ("bytearray", "__main__.Session"):
        first, second = (redacted.paths(dump, of_type) for dump in redacted.dumps)
        assert first == second


def test_the_same_text_has_another_token_in_another_session(redacted, tmp_path):
    other = Recorded(tmp_path, ["--redact"])
    tokens = [set(re.findall("<str:[0-9a-f]{8}>", " ".join(
        one.paths(one.dumps[0], "bytearray")))) for one in (redacted, other)]
    assert tokens[0] and tokens[1] and not tokens[0] & tokens[1]


def test_a_key_is_cut_behind_64_characters(plain):
    assert f"__main__.CACHE['wombatkey{'x' * 55}']" in plain.paths(plain.dumps[0], "bytearray")


def test_a_dump_alone_can_be_redacted(tmp_path):
    require_agent()
    one = Recorded(tmp_path, [], ["--redact"])
    assert found_in(one.dumps, SECRETS) == set()
    assert "__main__.ITEM.visible_attribute" in one.paths(one.dumps[0], "bytearray")
    first, second = (one.paths(dump, "bytearray") for dump in one.dumps)
    assert first == second
    # What was recorded before does not know of it.
    assert found_in(one.files, ["narwhalthread"])


def test_a_diagnosis_redacts_its_dumps(tmp_path):
    require_agent()
    program = """if 1:
        import time
        CACHE = {}
        for i in range(100000):
            CACHE["wombatkey%d" % i] = bytearray(20000)
            time.sleep(0.01)
    """
    session, html = tmp_path / "s.mwy", tmp_path / "r.html"
    done = memwhy("diagnose", "--redact", "--for", "16", "-o", session, "--html", html, "--json",
                  tmp_path / "f.json", "--", python(), "-c", program, "axolotlargument")
    assert done.returncode == 1, done.stdout + done.stderr
    assert list(session.glob("dump.*.heap"))
    files = [*session.iterdir(), html, tmp_path / "f.json"]
    assert found_in(files, ["wombatkey", "axolotlargument"]) == set()
    assert "CACHE[<str:" in (tmp_path / "f.json").read_text()
