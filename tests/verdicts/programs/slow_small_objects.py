# SPDX-License-Identifier: Apache-2.0
"""A few small objects with every request: less than an arena in a watch."""


class Visit:
    __slots__ = ("user", "page", "when")

    def __init__(self, user, page, when):
        self.user, self.page, self.when = user, page, when


VISITS = []


def request(number, clean):
    VISITS.append([Visit(number + 10**6, f"/page/{number}", number * 1.5) for _ in range(6)])  # MAKES
    if clean and len(VISITS) > 50:
        del VISITS[0]
