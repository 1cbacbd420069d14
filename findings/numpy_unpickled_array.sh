#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An array that came out of a pickle is not NumPy's memory any more.
#
# Guess:   pickle.loads returns an array like the one that went in: sys.getsizeof tells its bytes,
#          and tracemalloc lists them under NumPy's own domain.
# Seen:    the array borrows the bytes object that the unpickler made. sys.getsizeof falls from
#          80 MB to 112 bytes, NumPy's domain holds nothing of it, and the base is a bytes object
#          although the array is writeable. Pympler counts the same array twice.
# Matters: each array that crosses a multiprocessing pipe, a cache or a task queue is one of these.
#          The memory of a consumer's arrays is booked under bytes, or nowhere.
# Version: NumPy 2.4.6, pickle protocols 2 to 4 (5 borrows likewise), Pympler 1.1, CPython 3.11.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  numpy==2.4.6 Pympler==1.1
export PYTHONPATH=$folder/packages

python3 - <<'EOF'
import pickle
import sys
import tracemalloc

import numpy as np
from pympler import asizeof


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def numpy_bytes():
    """What tracemalloc lists under NumPy's domain."""
    only = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([only]).traces)


tracemalloc.start()
made = np.ones(10_000_000)
print(f"np.ones:    getsizeof {sys.getsizeof(made):>11,}  NumPy's domain {numpy_bytes():>11,}  "
      f"asizeof {asizeof.asizeof(made):>11,}")
expect(numpy_bytes() >= made.nbytes, "NumPy's domain does not hold its own array")
expect(sys.getsizeof(made) > made.nbytes, "getsizeof of an array that owns its data")

for protocol in (4, 5):
    before = numpy_bytes()
    copy = pickle.loads(pickle.dumps(made, protocol))
    domain, counted = numpy_bytes() - before, asizeof.asizeof(copy)
    print(f"protocol {protocol}: getsizeof {sys.getsizeof(copy):>11,}  "
          f"NumPy's domain {domain:>11,}  asizeof {counted:>11,}  "
          f"base {type(copy.base).__name__}, writeable {copy.flags.writeable}")
    expect(sys.getsizeof(copy) < 1000, "getsizeof counts borrowed memory")
    expect(domain < 1000, "NumPy's domain holds the unpickled array")
    expect(copy.flags.writeable and not copy.flags.owndata, "flags of an unpickled array")
    if protocol == 4:
        expect(type(copy.base) is bytes, "protocol 4 has another base than bytes")
        expect(counted > 1.9 * copy.nbytes, "Pympler counts it once")
EOF
