# SPDX-License-Identifier: Apache-2.0
"""Many small objects with every request, none of which stays."""

def request(number, clean):
    rows = [{"id": i, "text": f"row {i} of {number}"} for i in range(2_000)]
    return sum(len(row["text"]) for row in rows)
