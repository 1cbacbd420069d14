# SPDX-License-Identifier: Apache-2.0
"""A dict gets a new key with every request."""

import os

SESSIONS = {}


def request(number, clean):
    key = f"user-{number % 50 if clean else number}"
    SESSIONS[key] = {"name": key, "body": os.urandom(20_000)}  # MAKES
