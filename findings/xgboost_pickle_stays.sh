#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Booster that was pickled keeps the pickle's bytes, once for each thread that asked.
#
# Guess:   pickle.dumps(booster) returns bytes; when they are dropped, the memory is as before.
# Seen:    the library writes the model into a buffer that belongs to the booster and to the calling
#          thread, Python copies it, and the buffer stays. Each thread that pickles (or copies, or
#          calls save_raw) leaves one more. tracemalloc sees none of them.
# Matters: a service that checkpoints or ships its model from a pool of threads holds the model and
#          as many serialised copies as the pool has threads.
# Version: xgboost-cpu 3.2.0, NumPy 2.4.6, SciPy 1.17.1, CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  xgboost-cpu==3.2.0 numpy==2.4.6 scipy==1.17.1
export PYTHONPATH=$folder/packages

python3 - <<'EOF'
import ctypes
import gc
import pickle
import sys
import threading
import tracemalloc

import numpy as np
import xgboost

MIB = 1 << 20


def anonymous():
    """Resident anonymous bytes of this process, after everything free was returned."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Anonymous:"))


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


random = np.random.default_rng(1)
rows = random.random((20_000, 20), dtype=np.float32)
booster = xgboost.train({"max_depth": 10, "nthread": 1},
                        xgboost.DMatrix(rows, random.random(20_000)), num_boost_round=200)
tracemalloc.start()
base, traced = anonymous(), tracemalloc.get_traced_memory()[0]
size = len(pickle.dumps(booster))
once = anonymous() - base
print(f"pickle of {size / MIB:.1f} MiB made and dropped: {once / MIB:+.1f} MiB")
pickle.dumps(booster)
twice = anonymous() - base
print(f"once more, same thread:             {twice / MIB:+.1f} MiB")

done = threading.Barrier(5)
end = threading.Event()


def pickle_once():
    pickle.dumps(booster)
    done.wait()
    end.wait()


threads = [threading.Thread(target=pickle_once) for _ in range(4)]
for thread in threads:
    thread.start()
done.wait()
pooled = anonymous() - base
seen = tracemalloc.get_traced_memory()[0] - traced
print(f"once in each of 4 threads:          {pooled / MIB:+.1f} MiB, "
      f"tracemalloc {seen / MIB:+.1f} MiB")
end.set()
for thread in threads:
    thread.join()

expect(once > 0.8 * size, "a dropped pickle leaves nothing")
expect(twice < 1.6 * size, "a second pickle of one thread adds another copy")
expect(pooled > 4.0 * size, "threads share one buffer")
expect(seen < MIB, "tracemalloc sees the buffers")
EOF
