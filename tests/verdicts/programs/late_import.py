# SPDX-License-Identifier: Apache-2.0
"""Imports a large part of the library in the middle of its work."""

import importlib

NAMES = ["decimal", "fractions", "statistics", "xml.dom.minidom", "unittest.mock", "sqlite3",
         "asyncio", "multiprocessing.pool", "http.server", "xmlrpc.client", "pydoc", "doctest",
         "tarfile", "zipfile", "ctypes", "difflib", "imaplib", "mailbox", "ftplib", "curses"]  # fmt: skip


def request(number, clean):
    if number % 20 == 0 and number // 20 < len(NAMES):
        importlib.import_module(NAMES[number // 20])
