# SPDX-License-Identifier: Apache-2.0
"""See README.md."""

import ctypes
import gc
import sys
import time

PREDICTED_NS_PER_BLOCK = 200  # as in src/agent/entry/intervention.cc
PREDICTED_NS_PER_MIB = 250_000


def timed(act):
    start = time.perf_counter_ns()
    act()
    return time.perf_counter_ns() - start


def collect(name):
    blocks = sys.getallocatedblocks()
    ns = timed(gc.collect)
    print(
        f"gc.collect, {name}: {ns / 1e6:8.1f} ms, {ns / blocks:5.0f} ns per block, "
        f"ratio to the prediction {ns / blocks / PREDICTED_NS_PER_BLOCK:.2f}"
    )


def cycle():
    one = []
    one.append(one)


def main():
    gc.disable()
    for count in (100_000, 1_000_000):
        live = [[number] for number in range(count)]
        collect(f"{count:>9,} live lists   ")
        del live
        for _ in range(count):
            cycle()
        collect(f"{count:>9,} lists in cycles")
    libc = ctypes.CDLL("libc.so.6")
    for size in (1_000, 20_000, 100_000):
        blocks = [bytearray(size) for _ in range(2**29 // size)]
        kept = blocks[::50]
        del blocks
        ns = timed(lambda: libc.malloc_trim(0))
        mib = 512 * 49 / 50
        print(
            f"malloc_trim, blocks of {size:>7,} bytes: {ns / 1e6:8.1f} ms, "
            f"{ns / 1e6 * 1024 / mib:5.0f} ms per GiB, "
            f"ratio to the prediction {ns / mib / PREDICTED_NS_PER_MIB:.2f}"
        )
        del kept


main()
