# SPDX-License-Identifier: Apache-2.0
"""What is true of each variant, for whoever checks a diagnosis against it.

`python truth.py` prints it as JSON. Lines are found by marker comments in the sources, so the
table stays right when the code moves.
"""

import json
import sys
from pathlib import Path

import variants

HERE = Path(__file__).resolve().parent


def marked_line(file, marker):
    """Returns the 1-based line of `file` that carries `marker`, which must be in one line only."""
    lines = (HERE / file).read_text(encoding="utf-8").splitlines()
    found = [number for number, line in enumerate(lines, 1) if f"# {marker}" in line]
    if len(found) != 1:
        raise ValueError(f"{file}: marker {marker!r} is in {len(found)} lines, not 1")
    return found[0]


def site(module, callable_name, marker):
    file = f"{module}.py"
    return {
        "module": module,
        "callable": callable_name,
        "file": file,
        "line": marked_line(file, marker),
    }


def truth():
    """Returns, for each variant:

    verdict: the words of findings.json that are right (any of them).
    kind: of the finding, or None where nothing is to blame.
    allocates: the innermost application frame that makes most of what stays, or None.
    leaks: the statement that keeps it, or None.
    holder: where it hangs; `path` as text, and the names that a path must contain.
    bytes_per_request: what stays per request, measured with torch 1.13; None where nothing does.
    tolerance: how far another torch may be from it, as a ratio.
    """
    return {
        variants.HEALTHY: {
            "verdict": ["stable"],
            "kind": None,
            "allocates": None,
            "leaks": None,
            "holder": None,
            "bytes_per_request": None,
        },
        variants.CACHE: {
            "verdict": ["growing"],
            "kind": "unbounded_container",
            "allocates": site("model", "ItemEncoder.forward", "ALLOCATES(cache, warmup)"),
            "leaks": site("store", "SessionFeatures.put", "LEAK(cache)"),
            "holder": {
                "path": "store.SESSION_FEATURES._entries[session_id]",
                "names": ["store", "SESSION_FEATURES", "_entries"],
                "type": "dict",
                "root": "module global",
            },
            "bytes_per_request": 13000,
            "tolerance": 0.15,
        },
        variants.GRAPH: {
            "verdict": ["growing"],
            "kind": "retained_graph",
            "allocates": site("model", "ItemEncoder.forward", "ALLOCATES(cache, warmup)"),
            "leaks": site("confidence", "ConfidenceHistory.observe", "LEAK(graph)"),
            "holder": {
                "path": "confidence.HISTORY._best[n]",
                "names": ["confidence", "HISTORY", "_best"],
                "type": "list",
                "root": "module global",
            },
            "bytes_per_request": 35000,
            "tolerance": 0.3,
        },
        variants.WARMUP: {
            "verdict": ["plateau", "stable"],
            "kind": None,
            "allocates": site("model", "ItemEncoder.forward", "ALLOCATES(cache, warmup)"),
            "leaks": None,
            "holder": {
                "path": "store.RECENT_FEATURES._entries[session_id]",
                "names": ["store", "RECENT_FEATURES", "_entries"],
                "type": "collections.OrderedDict",
                "root": "module global",
            },
            "bytes_per_request": None,
        },
    }


if __name__ == "__main__":
    json.dump(truth(), sys.stdout, indent=2)
    print()
