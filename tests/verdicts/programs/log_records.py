# SPDX-License-Identifier: Apache-2.0
"""A logging.MemoryHandler whose target is never reached."""

import logging
import logging.handlers
import os

HANDLER = logging.handlers.MemoryHandler(capacity=10**9, flushLevel=logging.CRITICAL)
LOGGER = logging.getLogger("service")
LOGGER.propagate = False
LOGGER.setLevel(logging.INFO)
LOGGER.addHandler(HANDLER)


def request(number, clean):
    LOGGER.info("request of %r", os.urandom(20_000))  # MAKES
    if clean:
        HANDLER.buffer.clear()
