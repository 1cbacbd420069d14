# SPDX-License-Identifier: Apache-2.0
"""Memory diagnosis for live Python services: the part that the service itself imports.

Without a memwhy recording mark() does nothing and costs well under a microsecond, so its calls can
stay in production code:

    import memwhy

    def handle(request):
        memwhy.mark("request")
        ...

dump_garbage(), find_garbage() and refcount() need no recording.
"""

from memwhy._marks import enabled, mark
from memwhy._refcount import refcount
from memwhy._version import __version__

TYPE_CHECKING = False  # what checkers take for typing's, which is slow to import
if TYPE_CHECKING:
    from memwhy._garbage import dump_garbage, find_garbage

__all__ = ["__version__", "dump_garbage", "enabled", "find_garbage", "mark", "refcount"]


def __getattr__(name):
    # Loaded when it is asked for: services import this package for mark().
    if name in ("dump_garbage", "find_garbage"):
        import gc

        # The import makes objects, and a collection that they set off would take the garbage away.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            from memwhy import _garbage
        finally:
            if was_enabled:
                gc.enable()
        return getattr(_garbage, name)
    raise AttributeError(f"module 'memwhy' has no attribute {name!r}")
