# SPDX-License-Identifier: Apache-2.0
"""Thousands of graphs with Functions written in Python, among others that come and go: the memory of
their nodes was another node's before. Prints how many, and waits for the end of its input."""

import json
import os
import random
import sys

import torch

COUNT = 2000


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x, x * x)
        return x * x * x

    @staticmethod
    def backward(ctx, gradient):
        _, square = ctx.saved_tensors
        return gradient * 3 * square


def weight(size):
    return torch.rand(size, requires_grad=True)


def build():
    choose = random.Random(3)
    passing, graphs = [], {}
    for i in range(COUNT):
        for _ in range(choose.randrange(6)):
            passing.append(Cube.apply(weight(choose.randrange(1, 200)) * 2 + 1).sum())
        for _ in range(min(len(passing), choose.randrange(8))):
            passing.pop(choose.randrange(len(passing)))
        graphs[i] = Cube.apply(Cube.apply(weight(33)) + 1).sum()
    return graphs


GRAPHS = build()
print(json.dumps({"pid": os.getpid(), "graphs": COUNT}), flush=True)
sys.stdin.read()
