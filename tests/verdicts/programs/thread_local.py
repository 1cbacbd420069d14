# SPDX-License-Identifier: Apache-2.0
"""A thread-local list of a thread that lives for ever."""

import os
import threading

LOCAL = threading.local()


def request(number, clean):
    if not hasattr(LOCAL, "buffers"):
        LOCAL.buffers = []
    LOCAL.buffers.append(os.urandom(20_000))  # MAKES
    if clean:
        LOCAL.buffers.clear()
