# SPDX-License-Identifier: Apache-2.0
"""Many threads: more than the pool has chunks, idle ones, short ones, ones that end in strange ways.

What every program shares stands in CROWD: threads that each make known blocks, turn by turn, and
are idle in between.
"""

import contextlib
import sys

from situation import ROOT, Situation, Skip

sys.path.insert(0, str(ROOT / "tests" / "integration"))
from memory_cgroup import MemoryCgroup  # noqa: E402

# 32 chunks, the smallest pool.
SMALL_POOL = ("env", "MEMWHY_POOL_BYTES=1048576")

CROWD = """
import os, threading
threading.stack_size(128 << 10)
def crowd(threads, turns, wrap=lambda work: work()):
    barrier = threading.Barrier(threads + 1)
    kept = []
    def work():
        for _ in range(turns):
            kept.append(known_block(1000))
            barrier.wait()
    started = [threading.Thread(target=wrap, args=(work,)) for _ in range(threads)]
    for thread in started:
        thread.start()
    for _ in range(turns):
        barrier.wait()
    for thread in started:
        thread.join()
    return len(kept)
def in_a_child(work):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            print(work(), flush=True)
            status = 0
        finally:
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextlib.contextmanager
def small_cgroup(_folder):
    """256 MiB: the pool has 81 chunks."""
    try:
        made = MemoryCgroup(256 << 20)
    except OSError as error:
        raise Skip(f"no memory cgroup can be made: {error}") from error
    with made:
        yield {"procs": str(made.procs)}


IN_CGROUP = ("/bin/sh", "-c", 'echo $$ > {procs} && exec "$@"', "sh")

SITUATIONS = [
    Situation(
        name="600-idle-in-a-worker",
        what="a forked worker starts 600 threads that each make one block and are idle then",
        known=600,
        program=CROWD + "in_a_child(lambda: crowd(600, 1))\n",
    ),
    Situation(
        name="120-idle-in-256-mib",
        what="120 idle threads in a cgroup of 256 MiB",
        known=120,
        setup=small_cgroup,
        outside=IN_CGROUP,
        program=CROWD + "print(crowd(120, 1))\n",
    ),
    Situation(
        name="idle-and-back",
        what="150 threads share the smallest pool, all idle and all back, five times",
        known=150 * 5,
        inside=SMALL_POOL,
        program=CROWD + "print(crowd(150, 5))\n",
    ),
    Situation(
        name="idle-beside-busy",
        what="100 idle threads in the smallest pool while four others allocate without a pause",
        known=100 + 4 * 2000,
        inside=SMALL_POOL,
        program=CROWD
        + """
def busy():
    for _ in range(2000):
        known_block(1000)
        [bytearray(600 + n) for n in range(50)]
others = [threading.Thread(target=busy) for _ in range(4)]
for thread in others:
    thread.start()
print(crowd(100, 1))
for thread in others:
    thread.join()
""",
    ),
    Situation(
        name="short-beside-busy",
        what="60 short threads, one after another, while two others allocate",
        known=60,
        inside=SMALL_POOL,
        program=CROWD
        + """
import sys
sys.setswitchinterval(0.0005)
goes_on = True
def busy():
    while goes_on:
        [bytearray(600 + n) for n in range(50)]
others = [threading.Thread(target=busy) for _ in range(2)]
for thread in others:
    thread.start()
for _ in range(60):
    thread = threading.Thread(target=known_block, args=(1000,))
    thread.start()
    thread.join()
goes_on = False
for thread in others:
    thread.join()
print("done")
""",
    ),
    Situation(
        name="all-idle-at-a-fork",
        what="a fork while 200 threads are idle; the child starts 200 of its own",
        known=200 + 200,
        inside=SMALL_POOL,
        program=CROWD
        + """
ready, leave, kept = threading.Barrier(201), threading.Event(), []
def idle():
    kept.append(known_block(1000))
    ready.wait()
    leave.wait()
idle_ones = [threading.Thread(target=idle) for _ in range(200)]
for thread in idle_ones:
    thread.start()
ready.wait()
in_a_child(lambda: crowd(200, 1))
leave.set()
for thread in idle_ones:
    thread.join()
print(len(kept))
""",
    ),
    Situation(
        name="ended-by-the-kernel",
        what="80 threads leave by the exit system call, past every destructor",
        known=80 + 1,
        inside=SMALL_POOL,
        program=CROWD
        + """
import ctypes, platform
syscall = ctypes.CDLL(None).syscall
number = {"x86_64": 60, "aarch64": 93}[platform.machine()]
def gone(tid):
    return not os.path.exists(f"/proc/self/task/{tid}")
for _ in range(80):
    said, tid = threading.Event(), []
    def leave():
        kept = known_block(1000)
        tid.append(threading.get_native_id())
        said.set()
        syscall(number, 0)
    threading.Thread(target=leave, daemon=True).start()
    said.wait()
    while not gone(tid[0]):
        os.sched_yield()
known_block(1000)
print("done", flush=True)
os._exit(3)
""",
    ),
    Situation(
        name="1000-at-once",
        what="1000 threads alive at once, each with two blocks",
        known=1000 * 2,
        program=CROWD + "print(crowd(1000, 2))\n",
    ),
]
