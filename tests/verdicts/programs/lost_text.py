# SPDX-License-Identifier: Apache-2.0
"""An extension loses references of plain texts."""

import references


def request(number, clean):
    for part in range(100):
        text = f"row {number} of part {part}, as the server has sent it, with its name"  # MAKES
        if not clean:
            references.leak(text)
