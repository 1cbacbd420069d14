# SPDX-License-Identifier: Apache-2.0
"""The names of the service's variants. What each one does wrong, if anything: truth.py."""

HEALTHY = "healthy"
CACHE = "cache"
GRAPH = "graph"
WARMUP = "warmup"

ALL = (HEALTHY, CACHE, GRAPH, WARMUP)
