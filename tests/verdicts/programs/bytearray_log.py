# SPDX-License-Identifier: Apache-2.0
"""One bytearray that gets longer."""

LOG = bytearray()


def request(number, clean):
    LOG.extend(b"a line of the log, as it was written\n" * 500)  # MAKES
    if clean:
        LOG.clear()
