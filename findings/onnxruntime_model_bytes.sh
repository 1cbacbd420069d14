#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A session made from bytes keeps those bytes: every weight is in memory twice.
#
# Guess:   InferenceSession(model_bytes) parses the model and is done with the bytes, as it is done
#          with the file when it gets a path.
# Seen:    the Python object keeps a reference (_model_bytes) for as long as the session lives, in
#          case it must be made anew for another provider. Dropping your own reference frees
#          nothing. The same model by path takes half.
# Matters: models from an object store or a database arrive as bytes. The second copy is a plain
#          bytes object, so it looks like a leak of the downloader.
# Version: onnxruntime 1.32.0, onnx 1.23.2, NumPy 2.4.6, CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 protobuf==7.36.2
export PYTHONPATH=$folder/packages

cd "$folder"
python3 - <<'EOF'
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

weight = numpy_helper.from_array(np.ones((4000, 4000), np.float32), "w")
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4000])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4000])], [weight])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 10
onnx.save(model, "model.onnx")
EOF
python3 - <<'EOF'
import ctypes
import gc
import sys
from pathlib import Path

import numpy as np
import onnxruntime

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


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
size = Path("model.onnx").stat().st_size
taken = {}
for source in ("path", "bytes"):
    base = anonymous()
    model = "model.onnx" if source == "path" else Path("model.onnx").read_bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    del model
    result = session.run(None, {"x": np.ones((1, 4000), np.float32)})[0]
    expect(result[0, 0] == 4000, "wrong result")
    taken[source] = anonymous() - base
    kept = getattr(session, "_model_bytes", None)
    print(f"model of {size / MIB:.0f} MiB by {source}: {taken[source] / MIB:+.1f} MiB, "
          f"_model_bytes {0 if kept is None else len(kept):,}")
    if source == "bytes":
        expect(kept is not None and len(kept) == size, "the session does not keep the bytes")
    del session, kept, result
expect(taken["path"] < 1.4 * size, "a session by path takes more than the weights")
expect(taken["bytes"] > 1.8 * size, "a session by bytes takes no second copy")
EOF
