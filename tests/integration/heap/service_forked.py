# SPDX-License-Identifier: Apache-2.0
"""A service of two workers that were forked before it serves, and a first process that forks on.

Says {"pid", "port", "workers"} and serves until its stdin ends. The first process forks children
that end at once, all the time, and waits for any child: it must get just these. A worker that is
asked for /fork/N does the same. Each child looks for what a dump of its parent might leave in it:
the collection off, the dump's pipe open. The first process answers a line of stdin by what it saw.
"""

import gc
import http.server
import json
import os
import select
import signal
import sys

import served_work

FORKS_EVERY_S = 0.1
COLLECTS_NOT, HOLDS_PIPE = 1, 2
DESCRIPTORS = "/proc/self/fd"


def holds_pipe():
    for name in os.listdir(DESCRIPTORS):
        try:
            if "/dump." in os.readlink(f"{DESCRIPTORS}/{name}"):
                return True
        except OSError:
            pass  # the listing's own
    return False


def fork_and_wait():
    """Returns what is wrong with a child, or with what waiting for any child gave; None: nothing."""
    child = os.fork()
    if child == 0:
        os._exit(COLLECTS_NOT * (not gc.isenabled()) | HOLDS_PIPE * holds_pipe())
    waited = os.waitpid(-1, 0)
    return None if waited == (child, 0) else f"forked {child}, waited for {waited}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/fork/"):
            body = json.dumps({"number": int(self.path[6:]), "wrong": fork_and_wait()}).encode()
        else:
            body = served_work.answer(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    served_work.watch()
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.socket.listen(64)
    workers = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            server.serve_forever()
        workers.append(child)
    said = {"pid": os.getpid(), "port": server.server_address[1], "workers": workers}
    print(json.dumps(said), flush=True)
    wrong, children = [], 0
    while True:
        if select.select([sys.stdin], [], [], FORKS_EVERY_S)[0]:
            if not sys.stdin.readline():
                break
            said = {**served_work.state(), "wrong": wrong, "children": children}
            print(json.dumps(said), flush=True)
        found = fork_and_wait()
        children += 1
        if found:
            wrong.append(found)
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
        os.waitpid(worker, 0)


if __name__ == "__main__":
    main()
