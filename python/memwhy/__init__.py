# SPDX-License-Identifier: Apache-2.0
"""Memory diagnosis for live Python services: the part that the service itself imports.

Without a memwhy recording every call here does nothing and costs well under a microsecond, so
the calls can stay in production code:

    import memwhy

    def handle(request):
        memwhy.mark("request")
        ...
"""

from memwhy._marks import enabled, mark
from memwhy._version import __version__

__all__ = ["__version__", "enabled", "mark"]
