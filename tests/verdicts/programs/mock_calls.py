# SPDX-License-Identifier: Apache-2.0
"""A Mock keeps the arguments of every call."""

import os
from unittest import mock

SEND = mock.Mock()


def request(number, clean):
    SEND(os.urandom(20_000))  # MAKES
    if clean:
        SEND.reset_mock()
