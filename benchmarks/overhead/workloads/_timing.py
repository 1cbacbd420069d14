# SPDX-License-Identifier: Apache-2.0
"""Runs a workload's fixed amount of work and prints how long it took, as one JSON line."""

import json
import time


def measure(work):
    """Calls work(), which returns a checksum of what it did, and prints seconds and checksum."""
    begun = time.perf_counter()
    checksum = work()
    print(json.dumps({"seconds": time.perf_counter() - begun, "checksum": checksum}))
