# SPDX-License-Identifier: Apache-2.0
"""A small network trained, then used for inference, on one CPU thread: what a service does."""

import torch
from torch import nn

from _timing import measure

TRAINING_STEPS = 700
INFERENCE_STEPS = 4000


def work():
    torch.set_num_threads(1)
    torch.manual_seed(7)
    model = nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 8)
    )
    optimizer = torch.optim.Adam(model.parameters())
    inputs = torch.randn(32, 64)
    targets = torch.randint(0, 8, (32,))
    for _ in range(TRAINING_STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
    total = 0
    model.eval()
    with torch.no_grad():
        for _ in range(INFERENCE_STEPS):
            total += int(model(inputs).argmax(dim=1)[0])
    return total


measure(work)
