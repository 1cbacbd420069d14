# SPDX-License-Identifier: Apache-2.0
"""Starts processes in every way that Python has; prints what each of them allocated, per pid.

usage: process_tree.py WAY NOTES. Each process adds its books (process_books.py) to the file NOTES
before it ends; the first process prints all of them.
"""

import functools
import json
import multiprocessing
import os
import signal
import subprocess
import sys

import process_books
from common import finish, site
from process_books import BOOKS, give, take, work

MEGABYTE = 1_000_000
HAND_OVERS = 3000


def child(notes, seed, code=0, leaves=os._exit):
    """A forked child: frees part of what it inherits, works, says so and ends."""
    for address in list(BOOKS.live)[::3]:
        give(address)
    work(seed)
    BOOKS.note(notes, f"exit:{code}")
    leaves(code)


def fork(run):
    pid = os.fork()
    if pid == 0:
        run()
        os._exit(99)
    return pid


def wait(pid):
    return os.waitpid(pid, 0)[1]


def again(*arguments):
    """The command line of another process of this program."""
    return [sys.executable, os.path.abspath(__file__), *map(str, arguments)]


def run_forks(notes):
    def parent_of_one():
        work(4)
        wait(fork(functools.partial(child, notes, 5, 3)))
        work(6)
        BOOKS.note(notes, "exit:4")
        os._exit(4)

    def parent_of_orphan():  # it is gone before the orphan does anything
        fork(lambda: (os.read(gate, 1), child(notes, 8)))
        work(9)
        BOOKS.note(notes, "exit:0")
        os._exit(0)

    def killed():
        work(7)
        BOOKS.note(notes, "signal:9")
        os.kill(os.getpid(), signal.SIGKILL)

    gate, opener = os.pipe()
    end, told = os.pipe()
    work(1)
    for pid in (
        fork(functools.partial(child, notes, 2)),
        fork(functools.partial(child, notes, 3, 7, sys.exit)),
        fork(parent_of_one),
        fork(killed),
    ):
        wait(pid)
        work(1)
    wait(fork(parent_of_orphan))
    os.close(told)  # the orphan has the other one
    os.write(opener, b"x")
    os.read(end, 1)


def run_programs(notes):
    work(1)
    subprocess.run(again("one", notes, 11), check=True)
    subprocess.run(again("one", notes, 12), check=True, close_fds=False)

    def between():  # runs Python between fork and exec
        work(2)
        BOOKS.note(notes, "exit:0")

    subprocess.run(again("one", notes, 13), check=True, preexec_fn=between)
    wait(os.posix_spawn(sys.executable, again("one", notes, 14), os.environ))
    subprocess.run(["/bin/sh", "-c", 'x=1; "$@"', "sh", *again("one", notes, 15)], check=True)
    subprocess.run(["/bin/true"], check=True)
    try:
        subprocess.run(["/no/such/program"], check=False)
    except FileNotFoundError:
        work(16)


def in_worker(notes, made, seed):
    if made == "exec":  # the fork server may have imported this module before the worker's fork
        BOOKS.made, BOOKS.parent = made, os.getppid()
    work(seed)
    BOOKS.note(notes, "exit:0")


def run_multiprocessing(notes):
    work(1)
    for number, way in enumerate(("fork", "spawn", "forkserver")):
        made = "fork" if way == "fork" else "exec"
        context = multiprocessing.get_context(way)
        workers = [
            context.Process(target=in_worker, args=(notes, made, 20 + 2 * number + n))
            for n in range(2)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        work(1)


def run_exec(notes):
    """Replaces itself by Python twice, and ends as that."""
    work(1)
    BOOKS.note(notes, "exit:0")
    os.execv(sys.executable, again("exec-second", notes))


def run_exec_second(notes):
    BOOKS.made = "exec"
    work(2)
    BOOKS.note(notes, "exit:0")
    os.execv(sys.executable, again("exec-third", notes))


def run_exec_third(notes):
    BOOKS.made = "exec"
    work(3)


def run_exec_other(notes):
    """Replaces itself by a program that is no Python, which prints the notes."""
    work(1)
    BOOKS.note(notes, "exit:5")
    os.execv("/bin/sh", ["sh", "-c", f"cat '{notes}'; exit 5"])


def run_storm(notes):
    """100 short children, 4 at a time."""
    work(1)
    alive = []
    for number in range(100):
        alive.append(fork(functools.partial(child, notes, number % 30, number % 50)))
        if len(alive) == 4:
            wait(alive.pop(0))
    for pid in alive:
        wait(pid)


def hand_over(notes):
    """Two processes hold 50 MB in turn, never together; now and then one is busy alone."""
    here, there = os.pipe(), os.pipe()

    def take_turns(mine, others, begins):
        for turn in range(HAND_OVERS):
            if turn > 0 or not begins:
                os.read(mine[0], 1)
            give(take(50 * MEGABYTE))
            if turn % 300 == 0:
                for _ in range(20_000):
                    give(take(100))
            os.write(others[1], b"x")

    def other():
        take_turns(there, here, False)
        BOOKS.note(notes, "exit:0")
        os._exit(0)

    pid = fork(other)
    take_turns(here, there, True)
    wait(pid)


def ends(notes):
    """Processes end with 50 MB in their hands; the first process takes as much right after."""

    def holder(leave):
        take(50 * MEGABYTE)
        BOOKS.note(notes, "exit:0")
        leave()

    ways = (
        lambda: os._exit(0),
        lambda: sys.exit(0),
        lambda: os.execv("/bin/true", ["true"]),
        lambda: os.execv(sys.executable, [sys.executable, "-c", "pass"]),
        lambda: os.execv("/bin/sleep", ["sleep", "0.3"]),
    )
    for leave in ways:
        for _ in range(4):
            pid = fork(functools.partial(holder, leave))
            if leave is not ways[-1]:
                wait(pid)
                give(take(50 * MEGABYTE))
                continue
            while "sleep" not in open(f"/proc/{pid}/comm").read():
                pass
            give(take(50 * MEGABYTE))
            wait(pid)


def overlap(notes):
    """The largest sum is 30 MB here and 45 MB there; neither has its own largest then."""
    here, there = os.pipe(), os.pipe()

    def other():
        os.read(there[0], 1)
        held = take(45 * MEGABYTE)
        os.write(here[1], b"x")
        os.read(there[0], 1)
        give(held)
        give(take(55 * MEGABYTE))
        BOOKS.note(notes, "exit:0")
        os.write(here[1], b"x")
        os._exit(0)

    pid = fork(other)
    give(take(60 * MEGABYTE))
    held = take(30 * MEGABYTE)
    os.write(there[1], b"x")
    os.read(here[0], 1)
    give(held)
    os.write(there[1], b"x")
    os.read(here[0], 1)
    wait(pid)


def run_one(notes, seed):
    BOOKS.made = "exec"
    work(int(seed))
    BOOKS.note(notes, "exit:0")
    sys.exit(0)


WAYS = {
    "forks": run_forks,
    "programs": run_programs,
    "multiprocessing": run_multiprocessing,
    "exec": run_exec,
    "exec-second": run_exec_second,
    "exec-third": run_exec_third,
    "exec-other": run_exec_other,
    "storm": run_storm,
    "hand-over": hand_over,
    "ends": ends,
    "overlap": overlap,
    "one": run_one,
}


def main():
    way, notes, *arguments = sys.argv[1:]
    WAYS[way](notes, *arguments)
    BOOKS.note(notes, "exit:0")
    with open(notes) as lines:
        processes = [json.loads(line) for line in lines]
    finish(processes=processes, site=site(process_books.__file__, "take"))


if __name__ == "__main__":
    main()
