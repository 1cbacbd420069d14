# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses in a history."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Event:
    name: str
    body: bytes


class Recorder:
    def __init__(self):
        self.events = []


RECORDER = Recorder()


def request(number, clean):
    RECORDER.events.append(Event(f"event {number}", bytes(20_000)))  # MAKES
    if clean:
        RECORDER.events.clear()
