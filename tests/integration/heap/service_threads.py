# SPDX-License-Identifier: Apache-2.0
"""A service with a thread for each connection; with "torch" as its argument also torch's threads.

Says {"pid", "port"} and serves until its stdin ends.
"""

import http.server
import json
import os
import sys
import threading

import served_work


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    work = staticmethod(lambda: None)

    def do_GET(self):
        self.work()
        body = served_work.answer(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def use_torch():
    import torch

    layer = torch.nn.Linear(256, 256)
    batch = torch.ones(32, 256)

    def work():
        kept = layer(batch).sum()
        kept.backward()  # by a thread of autograd
        layer.zero_grad()

    Handler.work = staticmethod(work)


def main():
    if "torch" in sys.argv[1:]:
        use_torch()
    served_work.watch()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.request_queue_size = 64
    threading.Thread(target=server.serve_forever, daemon=True).start()
    said = {"pid": os.getpid(), "port": server.server_address[1]}
    print(json.dumps(said), flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
