# SPDX-License-Identifier: Apache-2.0
"""Callbacks that are registered with every request and never removed."""

import os


class Signal:
    def __init__(self):
        self.receivers = []

    def connect(self, receiver):
        self.receivers.append(receiver)


SIGNAL = Signal()


class View:
    def __init__(self):
        self.body = os.urandom(20_000)  # MAKES

    def on_change(self):
        return len(self.body)


def request(number, clean):
    view = View()
    SIGNAL.connect(view.on_change)
    if clean:
        SIGNAL.receivers.remove(view.on_change)
