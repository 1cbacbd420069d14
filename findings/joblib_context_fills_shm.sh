#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `with Parallel(...)` keeps a shared copy of every array it ever sent.
#
# Guess:   when a call has returned and its array is deleted, the copy that joblib made for the
#          workers is gone, as it is without the `with`.
# Seen:    inside of the context the files of all earlier calls stay in the temporary folder, which
#          is below /dev/shm where that is large enough: memory of the machine and of the cgroup. At
#          the end of the context all of them vanish.
# Matters: the context is the advised way to reuse workers in a loop. A service that keeps one open
#          and sends each batch through it grows by each batch, and no process's RSS shows it.
# Version: joblib 1.6.0 (loky), NumPy 2.4.6, CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  joblib==1.6.0 numpy==2.4.6
export PYTHONPATH=$folder/packages

mkdir "$folder/shared"
cat >"$folder/batches.py" <<'EOF'
import gc
import os
import sys
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

MIB = 1 << 20
ROOT = Path(os.environ["JOBLIB_TEMP_FOLDER"])


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def kept():
    """Bytes of joblib's copies."""
    return sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file())


def run(parallel, number):
    batch = np.full(MIB // 2, float(number))  # 4 MiB
    results = parallel([delayed(np.sum)(batch), delayed(np.max)(batch)])
    expect(results == [number * batch.size, number], "wrong results")
    del batch
    gc.collect()
    return kept()


def main():
    alone = [run(Parallel(n_jobs=2), number) for number in range(1, 4)]
    print("without a context, after each batch:", *(f"{size / MIB:.0f} MiB" for size in alone))
    with Parallel(n_jobs=2) as parallel:
        inside = [run(parallel, number) for number in range(1, 7)]
        print("in one context, after each batch:   ", *(f"{size / MIB:.0f} MiB" for size in inside))
    after = kept()
    print(f"context ended:                       {after / MIB:.0f} MiB")
    get_reusable_executor().shutdown()
    expect(max(alone) < MIB, "a single call leaves its copy")
    expect(inside == sorted(inside) and inside[-1] >= 6 * 4 * MIB, "copies of earlier batches go")
    expect(after < MIB, "the context's end leaves copies")


if __name__ == "__main__":
    main()
EOF
JOBLIB_TEMP_FOLDER=$folder/shared python3 "$folder/batches.py"
