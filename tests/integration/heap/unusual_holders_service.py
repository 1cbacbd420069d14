# SPDX-License-Identifier: Apache-2.0
"""Objects that C code holds in unusual places, 20 of a class for each place; and as many lost ones.

usage: unusual_holders_service.py FOLDER with unusual_holders.so and references.so
"""

import json
import os
import sys

sys.path.insert(0, sys.argv[1])

import references
import unusual_holders

WAYS = "shared memfd read_only tagged thread_variable stack arena thread_key".split()
EACH = 20


class Lost:
    pass


def main():
    held = []
    for way in WAYS:
        kind = type(f"Held_{way}", (), {})
        for _ in range(EACH):
            one = kind()
            unusual_holders.hold(one, way)
            held.append(one)
    lost = [Lost() for _ in range(EACH)]
    for one in lost:
        references.leak(one)
    del one
    classes = [f"__main__.Held_{way}" for way in WAYS]
    print(json.dumps({"pid": os.getpid(), "classes": classes, "each": EACH}), flush=True)
    sys.stdin.read()
    os._exit(0)  # the threads wait


main()
