# SPDX-License-Identifier: Apache-2.0
"""What the sampler looks at: parser, compiler, json, re, sorted(key=), and numpy where it is."""

import ast
import json
import random
import re
import sys
import time

try:
    import numpy
except ImportError:
    numpy = None
try:
    import torch
except ImportError:
    torch = None

SOURCE = "\n".join(
    f"def f{i}(a, b):\n    return [x * {i} for x in range(a) if x % 2] + sorted(b)"
    for i in range(80)
)


def interpreter():
    ast.parse(SOURCE)
    compile(SOURCE, "program", "exec")
    json.loads(json.dumps([{"a": i, "b": [1.5] * 20} for i in range(300)]))
    re.sub(r"(\w+)-(\d+)", lambda found: found.group(2) + found.group(1), "abc-123 " * 300)
    sorted(random.sample(range(1000), 300), key=lambda value: -value)


def arrays():
    a = numpy.random.rand(200, 200)
    numpy.linalg.svd(a)
    numpy.sort((a @ a).ravel())
    numpy.fft.fft(a)


def tensors():
    a = torch.rand(200, 200, requires_grad=True)
    torch.nn.functional.relu(a @ a).sum().backward()


def main():
    end = time.monotonic() + float(sys.argv[1])
    work = [interpreter] + [arrays] * (numpy is not None) + [tensors] * (torch is not None)
    while time.monotonic() < end:
        for one in work:
            one()


main()
