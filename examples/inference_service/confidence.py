# SPDX-License-Identifier: Apache-2.0
"""How sure the model was: the best score of each request, for the /stats page."""

from collections import deque


class ConfidenceLog:
    """The best scores of the last 1000 requests, as numbers."""

    def __init__(self):
        self._best = deque(maxlen=1000)

    def observe(self, scores):
        self._best.append(float(scores.max()))

    def mean(self):
        """Returns the mean best score, or None before the first request."""
        return sum(self._best) / len(self._best) if self._best else None


class ConfidenceHistory:
    """The best score of every request, as the model gave it."""

    def __init__(self):
        self._best = []

    def observe(self, scores):
        self._best.append(scores.max())  # LEAK(graph): no detach(), so the graph stays alive too

    def mean(self):
        """Returns the mean of the last 1000 best scores, or None before the first request."""
        recent = self._best[-1000:]
        return float(sum(recent)) / len(recent) if recent else None


LOG = ConfidenceLog()
HISTORY = ConfidenceHistory()
