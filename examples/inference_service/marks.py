# SPDX-License-Identifier: Apache-2.0
"""memwhy.mark where the package is at hand, else a function that does nothing.

The service does not depend on memwhy. In a source tree that has not been installed the package
lies in ../../python, which is tried last.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "python"))

try:
    from memwhy import mark
except ImportError:

    def mark(name="request", count=1):
        """Records nothing and returns False."""
        return False


__all__ = ["mark"]
