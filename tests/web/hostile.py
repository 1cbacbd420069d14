# SPDX-License-Identifier: Apache-2.0
"""Grows by 50 kB per operation in a function, a file and a container whose names are markup."""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "python"))
from memwhy import mark  # noqa: E402

NAME = "</script><img src=x onerror=alert(1)>"
HELD = {}


def keep(number):
    HELD.setdefault(NAME, []).append(bytes(50_000))


code = keep.__code__.replace(co_name=NAME, co_filename=f"/srv/{NAME}.py")
if hasattr(code, "co_qualname"):
    code = code.replace(co_qualname=NAME)
keep.__code__ = code

deadline = time.monotonic() + 120
number = 0
while time.monotonic() < deadline:
    keep(number)
    mark("request\"><script>alert(1)</script>")
    number += 1
    time.sleep(0.01)
