# SPDX-License-Identifier: Apache-2.0
"""Runs the ranking service on 127.0.0.1, with a load generator beside it.

    python serve.py --variant cache --seconds 60 --rate 100

With --seconds it stops by itself and exits with 0; without, it serves until it is stopped
(SIGINT or SIGTERM). --rate 0 starts no load.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import uvicorn

import variants
from app import create_app

HOST = "127.0.0.1"
UNLIMITED_S = 7 * 24 * 3600
STOP_LIMIT_S = 15.0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--variant",
        choices=variants.ALL,
        default=os.environ.get("INFERENCE_VARIANT", variants.HEALTHY),
        help="which service to run (default: INFERENCE_VARIANT, else healthy)",
    )
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second, 0 for none")
    parser.add_argument("--connections", type=int, default=2, help="of the load generator")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    arguments = parser.parse_args()
    if arguments.variant not in variants.ALL:  # argparse does not check a default
        parser.error(f"INFERENCE_VARIANT: unknown variant {arguments.variant!r}")
    return arguments


def start_load(port, arguments):
    """Starts the load generator for `port`; it ends with this process at the latest."""
    seconds = UNLIMITED_S if arguments.seconds is None else arguments.seconds
    command = [
        sys.executable,
        str(Path(__file__).resolve().parent / "load.py"),
        f"--port={port}",
        f"--rate={arguments.rate}",
        f"--seconds={seconds}",
        f"--connections={arguments.connections}",
    ]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def stop_load(process):
    """Ends the load generator and waits until it is gone."""
    process.terminate()
    try:
        process.wait(timeout=STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def serve(listener, arguments):
    """Serves on the bound socket until the time is over or a signal stops the server."""
    config = uvicorn.Config(
        create_app(arguments.variant), log_level="warning", access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    load = start_load(listener.getsockname()[1], arguments) if arguments.rate > 0 else None
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.wait({serving}, timeout=arguments.seconds)
    finally:
        if load is not None:
            await asyncio.get_running_loop().run_in_executor(None, stop_load, load)
        server.should_exit = True
        await serving


def main():
    arguments = parse_arguments()
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts; else replies wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, arguments.port))
    port = listener.getsockname()[1]
    print(f"serving variant {arguments.variant} on http://{HOST}:{port}", file=sys.stderr)
    asyncio.run(serve(listener, arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
