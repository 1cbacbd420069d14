# SPDX-License-Identifier: Apache-2.0
"""A registry with weak values: it finds objects and holds none."""

import os
import weakref

REGISTRY = weakref.WeakValueDictionary()


class Session:
    def __init__(self):
        self.body = os.urandom(20_000)


def request(number, clean):
    session = Session()
    REGISTRY[number] = session
