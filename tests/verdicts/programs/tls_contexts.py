# SPDX-License-Identifier: Apache-2.0
"""An SSL context for each request, kept by a table of hosts."""

import ssl

CONTEXTS = {}


def request(number, clean):
    host = "api" if clean else f"api{number}"
    CONTEXTS[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # MAKES
