# SPDX-License-Identifier: Apache-2.0
"""Ways in which functions of TensorFlow grow, and clean twins that do the same work without it.

usage: tf_growth.py WAY SECONDS [--clean]"""

import gc
import os
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import memwhy
import numpy as np
import tensorflow as tf

tf.get_logger().setLevel("ERROR")
WAY, SECONDS, CLEAN = sys.argv[1], float(sys.argv[2]), "--clean" in sys.argv
MODELS = {}


@tf.function
def score(x, temperature):
    return tf.nn.softmax(x / temperature)


def retrace(number):
    temperature = 0.5 + number / 1000.0
    if CLEAN:
        # Of a Python number TensorFlow would keep each distinct value.
        temperature = tf.constant(np.float32(temperature))
    return score(tf.ones([64]), temperature)  # GROWS retrace


@tf.function
def pad(x):
    return tf.pad(x, [[1, 1]])


def shapes(number):
    return pad(tf.ones([1 if CLEAN else number + 1]))  # GROWS shapes


class Scaler(tf.Module):
    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(tf.ones([64, 64]))

    @tf.function(input_signature=[tf.TensorSpec([None, 64])])
    def __call__(self, x):
        return x @ self.weights


def loads(number):
    MODELS[0 if CLEAN else number] = tf.saved_model.load(FOLDER)  # GROWS loads
    if CLEAN and number % 10 == 0:
        gc.collect()  # what the loads before have left are cycles


@tf.custom_gradient
def clip(x):
    return x, lambda upstream: tf.clip_by_value(upstream, -1.0, 1.0)


@tf.function
def clipped_once(x):
    return clip(x) * 2


def gradients(number):
    clipped = clipped_once if CLEAN else tf.function(lambda x: clip(x) * 2)
    return clipped(tf.ones([100]))  # GROWS gradients


if WAY == "loads":
    FOLDER = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
    tf.saved_model.save(Scaler(), FOLDER)
work = {"retrace": retrace, "shapes": shapes, "loads": loads, "gradients": gradients}[WAY]
end = time.monotonic() + SECONDS
number = 0
while time.monotonic() < end:
    work(number)
    memwhy.mark("request")
    number += 1
    time.sleep(0.005)
