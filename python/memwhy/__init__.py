# SPDX-License-Identifier: Apache-2.0
"""Memory diagnosis for live Python services: the part that the service itself imports.

Without a memwhy recording mark() does nothing and costs well under a microsecond, so its calls can
stay in production code:

    import memwhy

    def handle(request):
        memwhy.mark("request")
        ...

dump_garbage(), find_garbage(), refcount() and MemoryTraceHook need no recording. heap.dump() writes every object of a
recorded process to a file.
"""

from importlib import import_module

from memwhy._garbage_calls import dump_garbage, find_garbage
from memwhy._marks import enabled, mark
from memwhy._refcount import refcount
from memwhy._version import __version__



def __getattr__(name):
    # heap starts programs; a service that only marks does not pay for that import.
    if name in ("heap", "tf"):
        return import_module(f"memwhy.{name}")
    if name == "MemoryTraceHook":
        return import_module("memwhy._trace_hook").MemoryTraceHook
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "MemoryTraceHook",
    "__version__",
    "dump_garbage",
    "enabled",
    "find_garbage",
    "heap",
    "mark",
    "refcount",
    "tf",
]
