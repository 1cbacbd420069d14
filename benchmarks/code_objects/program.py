# SPDX-License-Identifier: Apache-2.0
"""A program that compiles code all the time, as template engines, rule engines and ORMs do.

    program.py SHAPE CODE_OBJECTS

Prints one JSON line: the seconds and the CPU seconds of the work, and a checksum of what it computed.
Each SHAPE makes and drops CODE_OBJECTS code objects:

    same       the same text again and again, in one file
    fresh      a new text each time, with a name and a file of its own
    functions  a function of a new name each time, made, called and dropped: two code objects
"""

import json
import sys
import time


def same(count):
    total = 0
    for number in range(count):
        names = {"number": number}
        exec(compile("result = [number, number + 1]\n", "<rule>", "exec"), names)
        total += names["result"][1]
    return total


def fresh(count):
    total = 0
    for number in range(count):
        names = {}
        exec(compile(f"result_{number} = [{number}, 1]\n", f"<rule {number}>", "exec"), names)
        total += names[f"result_{number}"][0]
    return total


def functions(count):
    total = 0
    for number in range(count // 2):
        text = f"def rule_{number}(value):\n    items = [value, {number}]\n    return items\n"
        names = {}
        exec(compile(text, "<rules>", "exec"), names)
        total += names[f"rule_{number}"](2)[1]
    return total


SHAPES = {shape.__name__: shape for shape in (same, fresh, functions)}

if __name__ == "__main__":
    work, code_objects = SHAPES[sys.argv[1]], int(sys.argv[2])
    cpu, begun = time.process_time(), time.perf_counter()
    checksum = work(code_objects)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - begun,
                "cpu_seconds": time.process_time() - cpu,
                "checksum": checksum,
            }
        )
    )
