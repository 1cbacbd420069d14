# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest: tests of one file that share a fixture stay in one process of pytest-xdist.

Else each process would make the fixture, most of which record a program. Use: -p xdist_groups,
--dist loadgroup.
"""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        if any(definitions[-1].scope == "module" for definitions in fixtures):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
