# SPDX-License-Identifier: Apache-2.0
"""Objects of ten kinds with a reference that an extension took and lost, and others that C code
holds as it may. The extension is tests/integration/heap/references.c, on the path.

Prints one line of JSON: the pid and the addresses of the leaked and of the held objects. Then waits
for the end of its stdin.
"""

import gc
import json
import os
import sys

import references


class Thing:
    pass


class Slotted:
    __slots__ = ("x",)


KINDS = [
    lambda i: Thing(),
    lambda i: Slotted(),
    lambda i: [i],
    lambda i: {"n": i + 10**6},
    lambda i: (i + 10**6, [i]),
    lambda i: {i},
    lambda i: f"text {i} of a leak",
    lambda i: b"bytes %d of a leak" % i,
    lambda i: i + 10**12,
    lambda i: (lambda: i),
]
KEPT = []  # some are reachable, too; the others are held by their leak alone


def main():
    number = int(sys.argv[1])
    leaked = []
    for make in KINDS:
        for i in range(number):
            thing = make(i)
            references.leak(thing)
            if i % 2 == 0:
                KEPT.append(thing)
            leaked.append(id(thing))
    held = []
    for i in range(number // 2):
        for keep in (references.keep_static, references.keep_malloc):
            thing = [i]
            keep(thing)
            held.append(id(thing))
    del thing
    gc.disable()  # a collection would put them into gc.garbage
    for _ in range(3):
        old = references.Old()
        old.other = references.Old()
        old.other.other = old
    del old
    print(json.dumps({"pid": os.getpid(), "leaked": leaked, "held": held}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
