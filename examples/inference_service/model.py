# SPDX-License-Identifier: Apache-2.0
"""The ranking model: encodes the items of a request and scores them for a user.

Built in code with fixed random weights, on the CPU, in float32; nothing is downloaded.
"""

import torch
from torch import nn

ITEMS_PER_REQUEST = 16
ITEM_COUNT = 5000
USER_COUNT = 5000
FEATURE_WIDTH = 192

# What one request's item features take: 16 items x 192 float32 = 12 KiB.
FEATURE_BYTES = ITEMS_PER_REQUEST * FEATURE_WIDTH * 4


class ItemEncoder(nn.Module):
    """Turns item ids, int64[n], into features, float32[n, FEATURE_WIDTH]."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(ITEM_COUNT, 32)
        self.hidden = nn.Linear(32, 64)
        self.project = nn.Linear(64, FEATURE_WIDTH)

    def forward(self, item_ids):
        hidden = torch.relu(self.hidden(self.embedding(item_ids)))
        return torch.tanh(self.project(hidden))  # ALLOCATES(cache, warmup)


class Ranker(nn.Module):
    """Scores encoded items for one user."""

    def __init__(self):
        super().__init__()
        self.encoder = ItemEncoder()
        self.users = nn.Embedding(USER_COUNT, FEATURE_WIDTH)

    def forward(self, user_id, features):
        """Returns probabilities, float32[n], of the items whose features are given."""
        user = self.users(user_id)
        return torch.softmax(features @ user / FEATURE_WIDTH**0.5, dim=0)


def build_ranker(seed=7):
    """Returns a Ranker in evaluation mode; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return Ranker().eval()
