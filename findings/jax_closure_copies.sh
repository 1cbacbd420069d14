#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A JAX array that a jitted function closes over is copied about three times for each input shape.
#
# Guess:   weights that already are a jax.Array are referred to by the compiled function; at worst
#          they are copied once.
# Seen:    the array becomes a constant of each compiled program, and each input shape is a program:
#          20 MB of weights cost some 60 MB per shape, until the function is dropped and
#          jax.clear_caches() called. Handed over as an argument, they cost nothing.
# Matters: a predictor that wraps its model in a lambda and gets batches of varying length grows by
#          three models per length. The bytes belong to XLA: jax.live_arrays() gets no longer.
# Version: jax and jaxlib 0.10.2 on CPU, NumPy 2.4.6, CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  jax==0.10.2 jaxlib==0.10.2 ml_dtypes==0.6.0 numpy==2.4.6 opt_einsum==3.4.0 scipy==1.17.1
export PYTHONPATH=$folder/packages JAX_PLATFORMS=cpu

python3 - <<'EOF'
import ctypes
import gc
import sys

import jax
import jax.numpy as jnp
import numpy as np

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


def grown_by(function):
    """Growth per shape, over four shapes that the function did not see yet."""
    function(np.ones((1, 1), np.float32)).block_until_ready()
    base = anonymous()
    for rows in range(2, 6):
        function(np.ones((rows, 1), np.float32)).block_until_ready()
    return (anonymous() - base) // 4


weights = jnp.asarray(np.random.default_rng(1).random(5_000_000, dtype=np.float32))
size = weights.nbytes
apply = jax.jit(lambda w, x: (w * x).sum())
argument = grown_by(lambda x: apply(weights, x))
closed = jax.jit(lambda x: (weights * x).sum())
base = anonymous()
closed(np.ones((1, 1), np.float32)).block_until_ready()
before = len(jax.live_arrays())
closure = grown_by(closed)
arrays = len(jax.live_arrays()) - before
print(f"weights of {size / MIB:.1f} MiB, per input shape:")
print(f"as an argument: {argument / MIB:+6.1f} MiB")
print(f"in the closure: {closure / MIB:+6.1f} MiB, jax.live_arrays() {arrays:+d}")
del closed
jax.clear_caches()
dropped = anonymous() - base
print(f"function dropped and caches cleared, of all shapes {dropped / MIB:+.1f} MiB remain")

expect(argument < 0.5 * size, "an argument is copied for each shape")
expect(closure > 2.0 * size, "a closure takes less than two copies for each shape")
expect(arrays <= 0, "JAX lists the copies")
expect(dropped < 2 * size, "the copies outlive the function")
EOF
