# SPDX-License-Identifier: Apache-2.0
"""Ways in which a program and its children end."""

from situation import Situation

SITUATIONS = [
    Situation(
        name="exit-by-a-thread",
        what="a thread ends the process while the main thread allocates",
        known=5,
        program="""
import os, threading
kept = [known_block() for _ in range(5)]
def end():
    os.write(1, b"ends\\n")
    os._exit(7)
threading.Thread(target=end).start()
while True:
    bytearray(5000)
""",
    ),
    Situation(
        name="children-by-spawn",
        what="children made by multiprocessing's spawn method, each a new interpreter",
        known=3 * 4,
        program="""
import multiprocessing
def work(number):
    return len([known_block() for _ in range(number)])
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        print(pool.map(work, [4, 4, 4], chunksize=1))
        pool.close()
        pool.join()
""",
    ),
    Situation(
        name="abort-in-a-forked-child",
        what="a forked child dies by SIGABRT, another by SIGSEGV, the parent goes on",
        known=4,
        program="""
import ctypes, os, resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
for number in (signal.SIGABRT, signal.SIGSEGV):
    child = os.fork()
    if child == 0:
        kept = [known_block(), known_block()]
        os.kill(os.getpid(), number)
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
""",
    ),
]
