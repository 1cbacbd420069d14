# SPDX-License-Identifier: Apache-2.0
"""memwhy.tf beside what this program knows of its own TensorFlow objects. Prints one line of JSON:
by name, [what memwhy.tf says, what is so]."""

import gc
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import memwhy
import memwhy.tf

said = {"imports_nothing": ["tensorflow" in sys.modules, False]}
try:
    memwhy.tf.counts()
except memwhy.tf.TensorFlowError as error:
    said["before_import"] = [type(error).__name__, "TensorFlowError"]

import tensorflow as tf

tf.get_logger().setLevel("ERROR")
said["without_context"] = [memwhy.tf.counts()["functions"], 0]


def row_of(name, document=None):
    document = document or memwhy.tf.report(top=None)
    rows = [row for row in document["tf_functions"] if row["function"] == name]
    assert len(rows) == 1, (name, rows)
    return rows[0]


def by(name):
    """The argument that retraces, how it differs, how often."""
    first = row_of(name)["retraced_by"][0]
    return [first["argument"], first["kind"], first["distinct"]]


# Tensors: shared buffers once, whatever their order; strings have no size.
tf.zeros([1])
gc.collect()
before = memwhy.tf.report(top=None)
kept = [tf.random.uniform([size]) for size in (100, 1000, 10_000)]
shared = [tf.reshape(kept[2], [100, 100]), tf.reshape(kept[2], [10, 1000])]
half = tf.cast(kept[1], tf.float16)
words = tf.constant(["a", "b"])
empty = tf.zeros([0, 5])
after = memwhy.tf.report(top=None)
bytes_kept = 4 * 11_100 + 2 * 1000
said["tensors"] = [after["tensors"]["tensors"] - before["tensors"]["tensors"], 8]
said["buffers"] = [after["tensors"]["buffers"] - before["tensors"]["buffers"], 4]
said["bytes"] = [after["tensors"]["bytes"] - before["tensors"]["bytes"], bytes_kept]
said["unsized"] = [after["tensors"]["unsized"] - before["tensors"]["unsized"], 1]
said["largest"] = [after["tensors"]["largest"][0]["bytes"], 40_000]
del kept, shared, half, words, empty
said["bytes_gone"] = [memwhy.tf.report()["tensors"]["bytes"], before["tensors"]["bytes"]]

# Variables and what was read from them share a buffer until one of them is written.
before = memwhy.tf.report(top=None)
variables = [tf.Variable(tf.ones([50, size])) for size in (10, 20, 30)]
read = [variable.read_value() for variable in variables]
after = memwhy.tf.report(top=None)
said["variables"] = [after["variables"]["variables"] - before["variables"]["variables"], 3]
said["variable_bytes"] = [after["variables"]["bytes"] - before["variables"]["bytes"], 4 * 50 * 60]
said["read_shares"] = [after["tensors"]["bytes"] - before["tensors"]["bytes"], 4 * 50 * 60]
variables[0].assign_add(tf.ones([50, 10]))
later = memwhy.tf.report(top=None)
said["written_copy"] = [later["tensors"]["bytes"] - after["tensors"]["bytes"], 4 * 50 * 10]
with tf.GradientTape() as tape:
    memwhy.tf.report()
said["tape_sees_nothing"] = [list(tape.watched_variables()), []]


# Handles by owner.
def handles():
    owners = memwhy.tf.report(top=None)["handles"]["owners"]
    return {row["owner"].rpartition(".")[2]: row["handles"] for row in owners}


before = handles()
tables = [
    tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1], [2]), 0) for _ in range(4)
]
iterators = [iter(tf.data.Dataset.range(3)) for _ in range(5)]
after = handles()
said["table_handles"] = [after.get("StaticHashTable", 0) - before.get("StaticHashTable", 0), 4]
said["iterator_handles"] = [after.get("OwnedIterator", 0) - before.get("OwnedIterator", 0), 5]
said["variable_handles"] = [after.get("ResourceVariable", 0), len(variables)]


# Retraces: which argument, how it differs.
@tf.function
def by_value(x, n):
    return x * n


@tf.function
def by_shape(x, flag=True):
    return x + 1


@tf.function
def by_dtype(x):
    return x + 1


@tf.function
def by_key(d):
    return d["deep"][1] + 1


@tf.function
def by_length(parts):
    return tf.add_n(parts)


@tf.function
def by_object(x, thing):
    return x + 1


@tf.function(reduce_retracing=True)
def relaxed(x):
    return x + 1


class Thing:
    def __init__(self, number):
        self.number = number

    @tf.function
    def method(self, x):
        return x * self.number


class Model(tf.Module):
    def method(self):
        return None


before = memwhy.tf.counts()
for number in range(7):
    by_value(tf.constant(1.0), number)
for number in range(6):
    by_shape(tf.zeros([number]))
for dtype in tf.float32, tf.float64, tf.int32:
    by_dtype(tf.zeros([2], dtype))
for number in range(4):
    by_key({"flat": tf.zeros([2]), "deep": (tf.zeros([2]), tf.zeros([number]))})
for number in range(1, 6):
    by_length([tf.zeros([2])] * number)
things = [Model() for _ in range(3)]
for thing in things:
    by_object(tf.zeros([2]), thing)
after = memwhy.tf.counts()
said["functions_added"] = [after["functions"] - before["functions"], 7 + 6 + 3 + 4 + 5 + 3]
said["by_value"] = [by("by_value"), ["n", "python value", 7]]
said["by_value_shown"] = [row_of("by_value")["retraced_by"][0]["values"], list("01234")]
said["by_value_alone"] = [len(row_of("by_value")["retraced_by"]), 1]
said["by_shape"] = [by("by_shape"), ["x", "shape", 6]]
said["by_dtype"] = [by("by_dtype"), ["x", "dtype", 3]]
said["by_key"] = [by("by_key"), ["d['deep'][1]", "shape", 4]]
said["by_length"] = [by("by_length"), ["parts (length)", "structure", 5]]
said["by_object"] = [by("by_object")[::2], ["thing", 3]]
for number in range(9):
    relaxed(tf.zeros([number]))
said["relaxed"] = [row_of("relaxed")["traces"], relaxed.experimental_get_tracing_count()]
for number in range(3):
    by_dtype(tf.zeros([2]))  # no new trace
said["line"] = [row_of("by_dtype")["line"], by_dtype.python_function.__code__.co_firstlineno]
said["file"] = [row_of("by_dtype")["file"], os.path.abspath(__file__)]
said["traces"] = [row_of("by_dtype")["traces"], 3]

owners = [Thing(number) for number in range(5)]
for owner in owners:
    owner.method(tf.zeros([2]))
said["methods"] = [row_of("Thing.method")["traces"], 5]

# Definitions: what the functions themselves serialize to.
concrete = [by_value.get_concrete_function(tf.constant(1.0), number) for number in range(7)]
truth = sum(len(one.function_def.SerializeToString()) for one in concrete)
said["graphdef_bytes"] = [row_of("by_value")["graphdef_bytes"], truth]
del concrete
before = memwhy.tf.counts()
size = row_of("by_value")["graphdef_bytes"]
del by_value
gc.collect()
after = memwhy.tf.counts()
said["functions_gone"] = [before["functions"] - after["functions"], 7]
said["graphdef_gone"] = [before["graphdef_bytes"] - after["graphdef_bytes"], size]

# Registries.
before = memwhy.tf.report(top=None)


@tf.custom_gradient
def twice(x):
    return x * 2, lambda upstream: upstream * 2


@tf.function
def traced(x):
    return twice(x)


@tf.function
def outside(x):
    return tf.py_function(measure, [x], tf.float32)


def measure(x):
    return x


for number in range(1, 5):
    traced(tf.zeros([number]))
    outside(tf.zeros([number]))
after = memwhy.tf.report(top=None)
key = "gradient_registry"
said["gradients"] = [after[key]["custom"] - before[key]["custom"], 4]
said["gradient_maker"] = [
    [row["entries"] for row in after[key]["made_for"] if row["function"].startswith("twice.")],
    [4],
]
key = "py_functions"
said["py_functions"] = [after[key]["live"] - before[key]["live"], 4]
said["py_function_maker"] = [
    [row["entries"] for row in after[key]["functions"] if row["function"] == "measure"],
    [4],
]
del outside
gc.collect()
# The default graph of the process keeps them, not the tf.function that they were made in; and the
# Python function has the last of them as an attribute, each of which leads to the one before.
said["py_functions_stay"] = [memwhy.tf.report()[key]["live"] - before[key]["live"], 4]
keeper = tf.compat.v1.get_default_graph()._py_funcs_used_in_graph
said["py_functions_kept"] = [memwhy.tf.report()[key]["graphs"], 1]
said["py_functions_in_graph"] = [len(keeper), 4]
keeper.clear()
gc.collect()
said["py_functions_chained"] = [memwhy.tf.report()[key]["live"] - before[key]["live"], 4]
del measure
gc.collect()
said["py_functions_gone"] = [memwhy.tf.report()[key]["live"], before[key]["live"]]
said["py_functions_ever"] = [memwhy.tf.report()[key]["registered"] - before[key]["registered"], 4]
del traced
gc.collect()
gradients = memwhy.tf.report(top=None)["gradient_registry"]["custom"]
said["gradients_stay"] = [gradients - 4, before["gradient_registry"]["custom"]]

# A look changes nothing.
gc.disable()
one, two, three = memwhy.tf.counts(), memwhy.tf.report(), memwhy.tf.counts()
said["looks_leave_nothing"] = [three, one]
said["gc_stays_off"] = [gc.isenabled(), False]
gc.enable()
said["text_width"] = [max(map(len, memwhy.tf.text(top=None).splitlines())) <= 80, True]
print(json.dumps(said))
