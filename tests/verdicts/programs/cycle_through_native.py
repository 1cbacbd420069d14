# SPDX-License-Identifier: Apache-2.0
"""A cycle through an object of an extension that the collector cannot look into."""

import os

import references


class Session:
    def __init__(self):
        self.body = os.urandom(20_000)  # MAKES
        self.box = references.Box()


def request(number, clean):
    session = Session()
    session.box.content = None if clean else session
