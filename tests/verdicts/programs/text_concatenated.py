# SPDX-License-Identifier: Apache-2.0
"""A text in an attribute that every request makes longer."""


class Page:
    def __init__(self):
        self.html = ""


PAGE = Page()


def request(number, clean):
    if clean:
        PAGE.html = ""
    PAGE.html += "<li>a row of the page, as it was written</li>\n" * 400  # MAKES
