# SPDX-License-Identifier: Apache-2.0
"""Everything that has a name has one that does something to a terminal. Waits for its stdin's end.

Types, functions, files, modules, attributes, keys, threads, marks; and a child process whose
program and arguments are called so.
"""

import json
import os
import subprocess
import sys
import threading
import types
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "python"))
from memwhy import mark  # noqa: E402

# Writes to the clipboard, turns the order, cannot be seen, 8-bit escape, a line of its own.
NAME = "\x1b]52;c;QQ==\x07\u202eabc\u200b\u009b31m\u2066\x7f\r\nmemwhy: forged"
HELD = {}


def allocate(number):
    HELD[NAME + str(number)] = [bytes(2000) for _ in range(50)]


code = allocate.__code__.replace(co_name=NAME, co_filename=f"/srv/{NAME}.py")
if hasattr(code, "co_qualname"):
    code = code.replace(co_qualname=NAME)
allocate = types.FunctionType(code, dict(globals(), __name__=NAME))
Thing = type(NAME, (), {"__module__": NAME})

thing = Thing()
setattr(thing, NAME, [NAME, {47110815: bytes(3000)}])
cycle = Thing()
cycle.itself = cycle
del cycle


def work():
    for number in range(20):
        allocate(number)
        mark(NAME)
    thread_is_done.wait()


thread_is_done = threading.Event()
thread = threading.Thread(target=work, name=NAME, daemon=True)
thread.start()
child = Path(sys.argv[1]) / NAME
child.symlink_to(sys.executable)
subprocess.run([child, "-c", "held = [bytes(2000) for _ in range(100)]", NAME], check=True)
print(json.dumps({"pid": os.getpid()}), flush=True)
sys.stdin.read()
thread_is_done.set()
thread.join()
