# SPDX-License-Identifier: Apache-2.0
"""Loads models again and again, as `memwhy tf loads` is asked about, and counts for itself.

usage: tf_loads.py OUT LOADER COUNT [keep|drop]. OUT gets one line of JSON: after each load, what
this program counts, by means of its own."""

import ctypes
import gc
import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

FOLDER = tempfile.mkdtemp(dir=os.path.dirname(os.path.abspath(sys.argv[1])))
WEIGHTS = 50_000


class Scaler(tf.Module):
    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(tf.ones([WEIGHTS]))

    @tf.function(input_signature=[tf.TensorSpec([WEIGHTS])])
    def __call__(self, x):
        return x * self.weights


def layers(keras):
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(16)])
    model.compile("adam", keras.losses.MeanSquaredError())
    return model


def prepare(loader):
    """A function that loads once."""
    if loader == "saved_model":
        tf.saved_model.save(Scaler(), FOLDER)
        return lambda: tf.saved_model.load(FOLDER)
    if loader == "tf_keras":
        import tf_keras

        layers(tf_keras).save(FOLDER)
        return lambda: tf_keras.models.load_model(FOLDER)
    import keras

    if loader == "tfsm":
        tf.saved_model.save(Scaler(), FOLDER)
        return lambda: keras.layers.TFSMLayer(FOLDER, call_endpoint="serving_default")
    path = f"{FOLDER}/model{loader}"
    layers(keras).save(path)
    return lambda: keras.models.load_model(path)


def count():
    from tensorflow.python.eager import context

    names = [n for n in context.context().list_function_names() if not n.startswith("__wrapped__")]
    sizes = [len(context.context().get_function_def(n).SerializeToString()) for n in names]
    handles = [
        obj
        for obj in gc.get_objects()
        if type(obj).__name__ == "EagerTensor" and obj.dtype == tf.resource
    ]
    with open("/proc/self/status") as file:
        rss = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))
    return {
        "functions": len(names),
        "graphdef_bytes": sum(sizes),
        "handles": len(handles),
        "objects": len(gc.get_objects()),
        "malloc": malloc_in_use(),
        "rss": rss,
    }


class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]


def malloc_in_use():
    info = ctypes.CDLL(None).mallinfo2
    info.restype = Mallinfo
    said = info()
    return said.e + said.h  # hblkhd, uordblks


load = prepare(sys.argv[2])
gc.collect()
MODELS = []
said = []
for _ in range(int(sys.argv[3])):
    loaded = load()
    if sys.argv[4] == "keep":
        MODELS.append(loaded)
    said.append(count())
    del loaded
with open(sys.argv[1], "w") as out:
    json.dump(said, out)
print("this goes to stderr")
