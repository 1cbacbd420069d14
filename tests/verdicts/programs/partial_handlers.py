# SPDX-License-Identifier: Apache-2.0
"""functools.partial objects that hold a request each."""

import functools
import os

HOOKS = []


def hook(body):
    return len(body)


def request(number, clean):
    HOOKS.append(functools.partial(hook, os.urandom(20_000)))  # MAKES
    if clean:
        HOOKS.pop()
