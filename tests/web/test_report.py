# SPDX-License-Identifier: Apache-2.0
"""The HTML report in a browser: headings, no script error, hostile names inert, 360 px wide."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("MEMWHY_BUILD", ROOT / "build" / "release"))
MEMWHY = BUILD / "bin" / "memwhy"
AGENT = BUILD / "lib" / "libmemwhy_agent.so"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Outline(HTMLParser):
    """Collects the tags and the text of the headings of a page."""

    def __init__(self):
        super().__init__()
        self.tags = []
        self.headings = []
        self.attributes = []
        self.is_in_heading = False

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append("")
            self.is_in_heading = True

    def handle_endtag(self, tag):
        if re.fullmatch("h[1-6]", tag):
            self.is_in_heading = False

    def handle_data(self, data):
        if self.is_in_heading:
            self.headings[-1] += data


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of a diagnosis of hostile.py, as a path."""
    for program in (MEMWHY, AGENT):
        if not program.exists():
            pytest.skip(f"{program} is not built")
    folder = tmp_path_factory.mktemp("report")
    page = folder / "report.html"
    done = subprocess.run(
        [MEMWHY, "diagnose", "--for", "18", "--html", page, "--json", folder / "f.json", "-o",
         folder / "s.mwy", "--max-pause", "10000", "--", sys.executable, HERE / "hostile.py"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    findings = json.loads((folder / "f.json").read_text())["findings"]
    assert "onerror" in findings[0]["who_allocated"]["callable"]
    return page


def browse(page, folder, *flags):
    """Returns (standard output, what the page wrote to the console)."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr",
         "--virtual-time-budget=5000", *flags, page.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return done.stdout, console


def outline(text):
    parser = Outline()
    parser.feed(text)
    return parser


def test_page_needs_no_network(report):
    text = report.read_text()
    assert "http:" not in text and "https:" not in text
    assert "default-src 'none'" in text
    assert "unsafe-inline" not in text


def test_hostile_names_make_no_element(report):
    parsed = outline(report.read_text())
    assert "img" not in parsed.tags
    assert not [name for name in parsed.attributes if name.startswith("on")]
    assert parsed.tags.count("script") == 2  # the flame graph and its data


def test_browser_shows_the_report_without_errors(report, tmp_path):
    dom, console = browse(report, tmp_path, "--dump-dom")
    assert console == []
    parsed = outline(dom)
    assert "img" not in parsed.tags
    assert parsed.tags.count("h1") == 1
    for heading in ("Overview", "Findings", "Where", "About this capture"):
        assert heading in parsed.headings
    for landmark in ("header", "nav", "main", "footer"):
        assert landmark in parsed.tags


def test_screenshot_is_drawn(report, tmp_path):
    shot = tmp_path / "report.png"
    browse(report, tmp_path, f"--screenshot={shot}", "--window-size=1200,2000")
    assert shot.stat().st_size > 20_000


def test_page_fits_into_360_pixels(report, tmp_path):
    """A copy without its policy tells its width from a frame of 360 px."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", report.read_text())
    probe = "<script>addEventListener('load',()=>parent.postMessage(" \
            "document.documentElement.scrollWidth,'*'))</script></body>"
    (tmp_path / "copy.html").write_text(text.replace("</body>", probe))
    frame = tmp_path / "frame.html"
    frame.write_text(
        "<!DOCTYPE html><p id=out>none</p><script>addEventListener('message',"
        "e=>{document.getElementById('out').textContent='width='+e.data})</script>"
        "<iframe src=copy.html width=360 height=800 frameborder=0></iframe>"
    )
    dom, _ = browse(frame, tmp_path, "--dump-dom", "--allow-file-access-from-files")
    width = re.search(r"width=(\d+)", dom)
    assert width, dom[:500]
    assert int(width.group(1)) <= 360
