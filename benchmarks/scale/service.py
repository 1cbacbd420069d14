# SPDX-License-Identifier: Apache-2.0
"""The process that memwhy dumps: builds the records, then answers lines until its stdin ends.

    python service.py OBJECTS LIBRARY

Says {"pid", "objects"} when it is ready. `clone` is answered by the milliseconds of a bare clone,
made with the GIL held as memwhy's is.
"""

import ctypes
import json
import os
import sys

import records


def main():
    library = ctypes.PyDLL(sys.argv[2])  # PyDLL: keeps the GIL
    library.bare_clone_ms.restype = ctypes.c_double
    built = records.build(int(sys.argv[1]))
    print(json.dumps({"pid": os.getpid(), "objects": built}), flush=True)
    for line in sys.stdin:
        if line.strip() == "clone":
            print(json.dumps({"ms": library.bare_clone_ms()}), flush=True)


if __name__ == "__main__":
    main()
