# SPDX-License-Identifier: Apache-2.0
"""A thread for each request that waits for ever."""

import threading

NEVER = threading.Event()


def wait(body, done):
    done.wait()
    return len(body)


def request(number, clean):
    if number % 10 != 0:
        return
    done = threading.Event() if clean else NEVER
    thread = threading.Thread(target=wait, args=(bytes(200_000), done), daemon=True)  # MAKES
    thread.start()
    if clean:
        done.set()
        thread.join()
