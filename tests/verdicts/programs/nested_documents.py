# SPDX-License-Identifier: Apache-2.0
"""A tree of dicts and lists: many small objects below one root."""

DOCUMENTS = []


def request(number, clean):
    rows = [{"id": i, "name": f"name {number} {i}", "tags": [i, number]} for i in range(100)]  # MAKES
    DOCUMENTS.append(rows)
    if clean:
        DOCUMENTS.clear()
