# SPDX-License-Identifier: Apache-2.0
"""A class made with every request, and kept by a registry."""

REGISTRY = {}


def request(number, clean):
    for part in range(10):
        name = f"Schema{part}" if clean else f"Schema{number}_{part}"
        REGISTRY[name] = type(name, (), {"field": number})  # MAKES
