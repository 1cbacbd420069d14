# SPDX-License-Identifier: Apache-2.0
"""A program that says what its collector does and is told what to do to it.

Lines of stdin, each answered by the collector's state: "make N" makes N objects that it counts,
"waste" leaves a cycle, "collect", "disable", "state".
"""

import gc
import json
import os
import sys

automatic = []


def note(phase, info):
    if phase == "start" and not by_hand:
        automatic.append(info["generation"])


by_hand = False


class Waste:
    pass


def main():
    global by_hand
    kept = [[[], {}] for _ in range(200000)]
    gc.callbacks.append(note)
    print(json.dumps({"pid": os.getpid(), "kept": len(kept)}), flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        found = None
        before = len(automatic)
        if word == "make":
            made = [[] for _ in range(int(rest[0]))]
            del made
        elif word == "collect":
            first = []
            first.append([first])
            del first
            by_hand = True
            found = gc.collect()
            by_hand = False
        elif word == "waste":
            first = Waste()
            first.first = first
            del first
        elif word == "disable":
            gc.disable()
        print(
            json.dumps(
                {
                    "automatic": len(automatic) - before,
                    "found": found,
                    "enabled": gc.isenabled(),
                    "threshold": gc.get_threshold(),
                }
            ),
            flush=True,
        )


main()
