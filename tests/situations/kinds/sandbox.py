# SPDX-License-Identifier: Apache-2.0
"""Programs that put a filter on their system calls, or give up the clock."""

import platform
from pathlib import Path

from situation import Situation

HELPER = {"seccomp_filter.py": (Path(__file__).parents[1] / "seccomp_filter.py").read_text()}


def needs_x86():
    return None if platform.machine() == "x86_64" else "the filter is written for x86-64"


def sandboxed(name, what, program, **more):
    return Situation(name=name, what=what, program=program, files=HELPER, needs=(needs_x86,),
                     **more)


# Enough events for several chunks of the ring.
BUSY = """
for _ in range(20000):
    bytearray(1000)
"""
# No allocation may come between: the interpreter's own end makes calls that the filter kills.
END = """
os.write(1, b"done\\n")
os._exit(5)
"""


def in_main(name, what, enter, **more):
    return sandboxed(name, what, f"""
import os, seccomp_filter
kept = [known_block() for _ in range(5)]
{enter}
kept += [known_block() for _ in range(15)]
{BUSY}
kept += [known_block() for _ in range(5)]
{END}
""", known=25, **more)


SITUATIONS = [
    in_main("filter", "a program that kills itself at unknown system calls (seccomp)",
            "seccomp_filter.enter(seccomp_filter.MEMORY)"),
    in_main("filter-by-library-name", "the same through a C library looked up by name",
            'seccomp_filter.enter(seccomp_filter.MEMORY, library="libc.so.6")'),
    in_main("filter-by-syscall", "the same through syscall(), for all threads",
            'seccomp_filter.enter(seccomp_filter.MEMORY, how="syscall", library="libc.so.6")'),
    in_main("filter-refused", "a filter that the kernel refuses: the recording goes on", """
import ctypes
assert ctypes.CDLL("libc.so.6").prctl(22, 2, None, 0, 0) == -1
"""),
    sandboxed("filter-in-workers", "forked workers, each with a filter of its own", f"""
import os, seccomp_filter
for _ in range(4):
    worker = os.fork()
    if worker == 0:
        seccomp_filter.enter(seccomp_filter.MEMORY)
        kept = [known_block() for _ in range(10)]
        {BUSY.strip().replace(chr(10), chr(10) + "        ")}
        os.write(1, b"worker\\n")
        os._exit(6)
    print(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), flush=True)
""", known=40),
    sandboxed("filter-then-threads", "threads that start behind a filter", """
import os, seccomp_filter, threading
def work():
    for _ in range(5):
        kept.append(known_block())
kept = []
threading.Thread(target=work).start()
while len(kept) < 5:
    pass
seccomp_filter.enter(seccomp_filter.MEMORY + seccomp_filter.THREADS, how="syscall")
for _ in range(3):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
os.write(1, b"done\\n")
os._exit(5)
""", known=20),
    sandboxed("filter-then-fork", "a child forked behind a filter: not recorded, and said", """
import os, seccomp_filter
kept = [known_block() for _ in range(5)]
seccomp_filter.enter(seccomp_filter.MEMORY + seccomp_filter.FORK)
child = os.fork()
kept += [known_block() for _ in range(5)]
if child == 0:
    os.write(1, b"child\\n")
    os._exit(3)
os.write(1, b"%d\\n" % os.waitpid(child, 0)[1])
os._exit(5)
""", known=10, complete=False, notes=("forked behind a filter on system calls",)),
    sandboxed("strict", "a child in strict mode: reads, writes and its end alone", """
import ctypes, os
libc = ctypes.CDLL("libc.so.6")
child = os.fork()
if child == 0:
    kept = [known_block() for _ in range(5)]
    libc.prctl(22, 1, 0, 0, 0)
    os.write(1, b"strict\\n")
    os._exit(3)
print(os.waitpid(child, 0)[1])
""", known=5, complete=False, notes=("nothing is recorded after",)),
    sandboxed("no-clock", "a program that may not read the processor's clock (PR_SET_TSC)", f"""
import ctypes, os
kept = [known_block() for _ in range(5)]
assert ctypes.CDLL("libc.so.6").prctl(26, 2, 0, 0, 0) == 0
{BUSY}
{END}
""", known=5, complete=False, notes=("nothing is recorded after",)),
]
