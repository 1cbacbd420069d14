# SPDX-License-Identifier: Apache-2.0
"""Objects with native memory behind them, and containers whose tables are blocks of malloc."""

import array
import collections
import json
import os
import sys
import zlib

PACKERS = {"a": [zlib.compressobj(9) for _ in range(20)]}


class Tables:
    pass


TABLES = Tables()
TABLES.many = {i: None for i in range(20000)}
TABLES.few = list(range(20000))
TABLES.queue = collections.deque(range(20000))
TABLES.unique = set(range(20000))
TABLES.bytes = bytearray(300000)
TABLES.array = array.array("d", range(20000))

print(json.dumps({"pid": os.getpid(), "packers": len(PACKERS["a"])}), flush=True)
sys.stdin.read()
