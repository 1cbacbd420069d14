#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What tf.py_function makes is kept twice: by the process's default graph, and by the Python function.
#
# Guess:   a tf.function with a tf.py_function in it goes with all that it has made.
# Seen:    each trace appends a wrapper to a list of the eager process's default graph, and writes it
#          into an attribute of the Python function; the next wrapper copies that attribute, so they
#          are a chain. Deleting the tf.function and emptying the list frees none of them; only the
#          end of the Python function does.
# Matters: a service that traces again (a new shape, a tf.function per request) around a function of
#          a module keeps everything that the wrappers' closures reach, and the advice to reset the
#          default graph changes nothing.
# Version: tensorflow-cpu 2.21.0, CPython 3.11, Linux x86-64.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore \
  --no-warn-conflicts --no-compile --target "$folder/packages" \
  tensorflow-cpu==2.21.0 numpy==2.4.6
export PYTHONPATH=$folder/packages TF_CPP_MIN_LOG_LEVEL=3

python3 - 2>"$folder/log" <<'PROGRAM' || { status=$?; tail -3 "$folder/log" >&2; exit $status; }
import gc
import sys

import tensorflow as tf
from tensorflow.python.ops import script_ops

tf.get_logger().setLevel("ERROR")
TRACES = 20


def expect(holds, what):
    if not holds:
        sys.exit(f"changed: {what}")


def live():
    gc.collect()
    return len(script_ops._py_funcs._funcs)


def measure(x):
    return x


@tf.function
def outside(x):
    return tf.py_function(measure, [x], tf.float32)


base = live()
for size in range(1, TRACES + 1):
    outside(tf.zeros([size]))
traced = live() - base
print(f"{TRACES} traces:                        {traced} wrappers alive")
del outside
deleted = live() - base
print(f"the tf.function is deleted:       {deleted}")
graph = tf.compat.v1.get_default_graph()
kept = len(graph._py_funcs_used_in_graph)
graph._py_funcs_used_in_graph.clear()
emptied = live() - base
print(f"the default graph's list ({kept}) too: {emptied}")
link, length = getattr(measure, "ag_dnc_wrapper__", None), 0
while link is not None and length <= 2 * TRACES:
    length += 1
    link = getattr(getattr(link, "_func", None), "ag_dnc_wrapper__", None)
print(f"the chain that begins at measure: {length}")
del link, measure
ended = live() - base
print(f"the Python function is deleted:   {ended}")

expect(traced == TRACES, "wrappers per trace")
expect(deleted == TRACES, "they go with the tf.function")
expect(emptied == TRACES, "they go with the default graph's list")
expect(ended == 0, "they outlive the Python function")
PROGRAM
