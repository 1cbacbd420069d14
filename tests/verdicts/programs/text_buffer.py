# SPDX-License-Identifier: Apache-2.0
"""An io.StringIO that nobody empties."""

import io

OUT = io.StringIO()


def request(number, clean):
    OUT.write("a line of the log, as it was written\n" * 500)  # MAKES
    if clean:
        OUT.seek(0)
        OUT.truncate()
