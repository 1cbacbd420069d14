# SPDX-License-Identifier: Apache-2.0
"""Runs `memwhy diagnose` and reads what it concluded."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEMWHY = ROOT / "build" / "release" / "bin" / "memwhy"
SERVICE = ROOT / "examples" / "inference_service"
TARGETS = ROOT / "tests" / "targets"
PYTHON = "/usr/bin/python3"  # the distribution's: it has torch and fastapi

sys.path.insert(0, str(SERVICE))
import truth  # noqa: E402 - the service's own table of what is true of each variant

TRUTH = truth.truth()

# Exit codes of findings.md.
NOTHING_TO_BLAME, FINDING, INCONCLUSIVE = 0, 1, 4


class Diagnosis:
    """One diagnosis: its exit code, its findings.json, its text."""

    def __init__(self, completed, findings):
        self.code = completed.returncode
        self.text = completed.stdout
        self.progress = completed.stderr
        self.findings = findings

    @property
    def verdict(self):
        return self.findings["verdict"]

    def first(self):
        assert self.findings["findings"], self.text + self.progress
        return self.findings["findings"][0]

    def blamed(self):
        """Findings that accuse someone; severity info blames nobody."""
        return [f for f in self.findings["findings"] if f["severity"] != "info"]


def diagnose(tmp_path, *arguments, timeout=300):
    """Runs `memwhy diagnose` with `arguments`; any exit code of findings.md is accepted."""
    report = tmp_path / "findings.json"
    completed = subprocess.run(
        [str(MEMWHY), "diagnose", "--json", str(report), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert completed.returncode in (NOTHING_TO_BLAME, FINDING, INCONCLUSIVE), completed.stderr
    return Diagnosis(completed, json.loads(report.read_text(encoding="utf-8")))


def diagnose_service(tmp_path, variant, seconds, session=None):
    """The demo service under load for `seconds` of watching."""
    session = session or tmp_path / f"{variant}.mwy"
    return diagnose(
        tmp_path, "--for", seconds, "-o", session, "--", PYTHON, SERVICE / "serve.py",
        "--variant", variant, "--seconds", seconds + 60, "--rate", 100, "--port", 0,
    )  # fmt: skip


def diagnose_target(tmp_path, name, seconds, *arguments):
    """One of tests/targets for `seconds` of watching."""
    return diagnose(
        tmp_path, "--for", seconds, "-o", tmp_path / f"{name}.mwy", "--", PYTHON,
        TARGETS / f"{name}.py", "--seconds", seconds + 60, *arguments,
    )  # fmt: skip
