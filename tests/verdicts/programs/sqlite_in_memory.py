# SPDX-License-Identifier: Apache-2.0
"""A table of a database in memory, below Python."""

import os
import sqlite3

DATABASE = sqlite3.connect(":memory:")
DATABASE.execute("create table log (body blob)")


def request(number, clean):
    DATABASE.execute("insert into log values (?)", (os.urandom(20_000),))  # MAKES
    if clean:
        DATABASE.execute("delete from log")
