# SPDX-License-Identifier: Apache-2.0
"""Scores the items of one request: encode (or find the features again), rank, observe."""

import torch

import confidence
import store
import variants
from model import build_ranker


class RankingService:
    """Answers score requests; may be called by several threads at once.

    cache: where features are kept between requests, or None.
    log: what observes the scores.
    inference: whether the model runs without recording a graph for gradients.
    """

    def __init__(self, ranker, cache, log, inference):
        self._ranker = ranker
        self._cache = cache
        self._log = log
        self._inference = inference

    def score(self, session_id, user_id, item_ids):
        """Returns one probability for each item id, as floats."""
        with torch.inference_mode(self._inference):
            features = self._features(session_id, item_ids)
            scores = self._ranker(torch.tensor(user_id), features)
            self._log.observe(scores)
        return scores.tolist()

    def mean_confidence(self):
        return self._log.mean()

    def _features(self, session_id, item_ids):
        if self._cache is None:
            return self._ranker.encoder(torch.tensor(item_ids))
        features = self._cache.find(session_id)
        if features is None:
            features = self._ranker.encoder(torch.tensor(item_ids))
            self._cache.put(session_id, features)
        return features


def build_service(variant):
    """Returns the service of one variant. Raises ValueError for an unknown one."""
    if variant not in variants.ALL:
        raise ValueError(f"unknown variant {variant!r}; known: {', '.join(variants.ALL)}")
    torch.set_num_threads(1)
    caches = {variants.CACHE: store.SESSION_FEATURES, variants.WARMUP: store.RECENT_FEATURES}
    with_graph = variant == variants.GRAPH
    return RankingService(
        build_ranker(),
        cache=caches.get(variant),
        log=confidence.HISTORY if with_graph else confidence.LOG,
        inference=not with_graph,
    )
