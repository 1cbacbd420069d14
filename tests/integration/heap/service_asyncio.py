# SPDX-License-Identifier: Apache-2.0
"""A service of one thread: an event loop. Says {"pid", "port"} and serves until its stdin ends."""

import asyncio
import json
import os
import sys

import served_work


async def serve(reader, writer):
    while True:
        request = await reader.readline()
        if not request:
            break
        while (await reader.readline()).strip():
            pass
        body = served_work.answer(request.decode().split()[1])
        await asyncio.sleep(0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
    writer.close()


async def main():
    served_work.watch()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"pid": os.getpid(), "port": port}), flush=True)
    stdin = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    await stdin.read()


if __name__ == "__main__":
    asyncio.run(main())
