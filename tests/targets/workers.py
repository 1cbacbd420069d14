# SPDX-License-Identifier: Apache-2.0
"""A master that starts workers and does nothing itself; some of the workers keep what they make.

The workers are made by --method: fork, spawn or forkserver of multiprocessing, or exec (the same
program started anew). --leaks names the workers that keep, by number.
"""

import argparse
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

WORKERS = 2
BYTES = 20_000
RATE = 50.0
SESSIONS = {}
RECENT = {}


def handle(number, keeps):
    block = bytes(BYTES + number % 7)  # ALLOCATES
    (SESSIONS if keeps else RECENT)[number if keeps else "last"] = block


def work(worker, keeps, seconds):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    start = time.monotonic()
    number = 0
    while time.monotonic() - start < seconds:
        time.sleep(max(0.0, number / RATE - (time.monotonic() - start)))
        handle(number, keeps)
        number += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--method", default="fork")
    parser.add_argument("--leaks", default="", help="numbers of the workers that keep, 01")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pids", help="a file: the workers' pids, as JSON")
    parser.add_argument("--worker", type=int, help="be this worker")
    arguments = parser.parse_args()
    if arguments.worker is not None:
        work(arguments.worker, str(arguments.worker) in arguments.leaks, arguments.seconds)
        return
    jobs = []
    for number in range(WORKERS):
        keeps = str(number) in arguments.leaks
        if arguments.method == "exec":
            command = [sys.executable, __file__, *sys.argv[1:], "--worker", str(number)]
            jobs.append(subprocess.Popen(command))
        else:
            context = multiprocessing.get_context(arguments.method)
            job = context.Process(target=work, args=(number, keeps, arguments.seconds))
            job.start()
            jobs.append(job)
    if arguments.pids:
        with open(arguments.pids, "w", encoding="utf-8") as file:
            json.dump([job.pid for job in jobs], file)

    def stop(*_):
        for job in jobs:
            job.terminate()

    signal.signal(signal.SIGTERM, stop)
    for job in jobs:
        job.wait() if arguments.method == "exec" else job.join()


if __name__ == "__main__":
    main()
