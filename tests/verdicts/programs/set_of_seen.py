# SPDX-License-Identifier: Apache-2.0
"""A set of texts that were seen."""

SEEN = set()


def request(number, clean):
    text = f"{number % 50 if clean else number}" * 5_000  # MAKES
    SEEN.add(text)
