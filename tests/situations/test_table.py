# SPDX-License-Identifier: Apache-2.0
"""docs/limits.md shows every situation, as it is tried."""

import table


def test_the_document_shows_every_situation():
    shown = table.split(table.DOCUMENT.read_text())[1].strip()
    assert shown == table.tables().strip(), "run tests/situations/table.py --write"


def test_situations_are_named_once_and_are_many():
    names = [(kind, situation.name) for kind, module in table.kinds()
             for situation in module.SITUATIONS]
    assert len(names) == len(set(names))
    assert len(names) >= 60
