# SPDX-License-Identifier: Apache-2.0
"""Where encoded item features are kept between the requests of a session."""

import threading
from collections import OrderedDict


class SessionFeatures:
    """Features by session. A session that comes back finds its items encoded."""

    def __init__(self):
        self._lock = threading.Lock()
        self._entries = {}

    def find(self, session_id):
        with self._lock:
            return self._entries.get(session_id)

    def put(self, session_id, features):
        with self._lock:
            self._entries[session_id] = features  # LEAK(cache): no session is ever evicted


class RecentFeatures:
    """Features of the sessions used last; at most `limit` of them."""

    def __init__(self, limit):
        self._limit = limit
        self._lock = threading.Lock()
        self._entries = OrderedDict()

    def find(self, session_id):
        with self._lock:
            features = self._entries.get(session_id)
            if features is not None:
                self._entries.move_to_end(session_id)
            return features

    def put(self, session_id, features):
        with self._lock:
            self._entries[session_id] = features  # HOLDS(warmup): bounded by the next lines
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)


# 1024 sessions of 12 KiB: full, at 12 MiB, some ten seconds after the start at 100 requests/s.
RECENT_LIMIT = 1024

SESSION_FEATURES = SessionFeatures()
RECENT_FEATURES = RecentFeatures(RECENT_LIMIT)
