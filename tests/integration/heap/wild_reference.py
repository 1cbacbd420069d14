# SPDX-License-Identifier: Apache-2.0
"""A list with an item in a mapping of a file that ends before it: who reads the item faults.

usage: wild_reference.py [FOLDER of faulting.so]
Lines of stdin: "state" answers what the program's handlers and its collector are like; "put" makes
the list, "mend" makes it harmless again.
"""

import ctypes
import gc
import json
import mmap
import os
import sys
import tempfile

LIST_ITEMS = 24  # PyListObject.ob_item


class Kept:
    pass


def main():
    faulting = None
    if len(sys.argv) > 1:
        sys.path.insert(0, sys.argv[1])
        import faulting

        faulting.start()
    gc.disable()  # it would fault, too
    kept = [[Kept()] for _ in range(20000)]
    with tempfile.TemporaryFile() as file:
        file.truncate(mmap.PAGESIZE)
        mapping = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        file.truncate(0)
    view = ctypes.c_char.from_buffer(mapping)
    wild = ctypes.addressof(view)
    victim = [Kept()]
    item = ctypes.c_void_p.from_address(
        ctypes.c_void_p.from_address(id(victim) + LIST_ITEMS).value
    )
    good = item.value
    print(json.dumps({"pid": os.getpid(), "wild": hex(wild), "kept": len(kept)}), flush=True)
    for line in sys.stdin:
        if line == "put\n":
            item.value = wild
        elif line == "mend\n":
            item.value = good
        with open("/proc/self/status") as status:
            signals = {row.split()[0]: row.split()[1] for row in status if row.startswith("Sig")}
        answer = {"caught": signals["SigCgt:"], "blocked": signals["SigBlk:"]}
        answer["threads"] = len(os.listdir("/proc/self/task"))
        if faulting:
            answer["handled"] = faulting.count()
            answer["in_place"] = faulting.is_in_place()
        print(json.dumps(answer), flush=True)
    item.value = good
    if faulting:
        faulting.stop()


main()
