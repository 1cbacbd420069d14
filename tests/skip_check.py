# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest: a test may be skipped only for a reason that allowed_skips.toml lists.

Use: pytest -p skip_check, with this folder in PYTHONPATH. The others are shown at the end and appended
to the file that MEMWHY_WRONG_SKIPS names. Python 3.11 (tomllib).
"""

import os
import re
import tomllib
from pathlib import Path

LIST = Path(__file__).with_name("allowed_skips.toml")


class SkipCheck:
    def __init__(self):
        entries = tomllib.loads(LIST.read_text())["skip"]
        self.allowed = [(re.compile(e["test"]), re.compile(e["reason"])) for e in entries]
        self.wrong = []

    def pytest_runtest_logreport(self, report):
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if not any(test.search(report.nodeid) and why.search(reason) for test, why in self.allowed):
            self.wrong.append(f"{report.nodeid}: {reason}")

    def pytest_terminal_summary(self, terminalreporter):
        if not self.wrong:
            return
        terminalreporter.section("skips that tests/allowed_skips.toml does not list")
        for line in self.wrong:
            terminalreporter.line(line)
        if path := os.environ.get("MEMWHY_WRONG_SKIPS"):
            with open(path, "a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in self.wrong)


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # with xdist, only where all reports arrive
        config.pluginmanager.register(SkipCheck(), "skip_check_of_memwhy")
