# SPDX-License-Identifier: Apache-2.0
"""weakref.finalize of an object that lives for ever."""

import os
import weakref


class Pool:
    pass


POOL = Pool()


def release(body):
    return len(body)


def request(number, clean):
    finalizer = weakref.finalize(POOL, release, os.urandom(20_000))  # MAKES
    if clean:
        finalizer.detach()
