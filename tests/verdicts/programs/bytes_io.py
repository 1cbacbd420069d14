# SPDX-License-Identifier: Apache-2.0
"""An io.BytesIO to which every request appends."""

import io

ARCHIVE = io.BytesIO()


def request(number, clean):
    ARCHIVE.write(b"a line of the log, as it was written\n" * 500)  # MAKES
    if clean:
        ARCHIVE.seek(0)
        ARCHIVE.truncate()
