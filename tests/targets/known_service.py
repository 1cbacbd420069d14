# SPDX-License-Identifier: Apache-2.0
"""A service of which each process says exactly what it retains: for WSGI and ASGI servers.

Each request retains a block and gives another one back; the books (process_books.py) of the worker
are noted in the file $KNOWN_NOTES before the answer, which is the worker's pid. Some blocks are
taken at import, which a server that loads the service before its forks shares with its workers.
"""

import os

from process_books import BOOKS, give, take

NOTES = os.environ["KNOWN_NOTES"]
ENDED = os.environ.get("KNOWN_ENDED", "exit:0")
if os.environ.get("KNOWN_MADE"):  # how the server makes its workers, where it is no plain fork
    BOOKS.made = os.environ["KNOWN_MADE"]


def load():
    for number in range(20):
        take(50_000 + number)


def handle_request():
    """Retains one block of a known size."""
    take(10_000 + len(BOOKS.live))
    give(take(777))
    BOOKS.note(NOTES, ENDED)
    return str(os.getpid()).encode()


def wsgi(environ, start_response):
    answer = handle_request()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])  # no lifespan: the server goes on
    answer = handle_request()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


load()
BOOKS.note(NOTES, ENDED)
