# SPDX-License-Identifier: Apache-2.0
"""The reference count of an object without the references that asking for it takes.

sys.getrefcount(x) counts what the call itself holds, and how much that is differs: up to 3.10 the
caller's stack holds the argument during the call, since 3.11 it is handed over, and 3.14 lends
local variables to calls without a reference. So nothing is subtracted by version. refcount() first
makes one reference of its own that certainly counts (an element of a list), gives back what the
call has brought, whether that counted or not, and measures on an object of its own what is left.
"""

import sys
from sys import getrefcount

# From 3.12 on such objects have no count: None, small ints, interned strings, static types.
_IMMORTAL_COUNT = 1 << 31 if sys.version_info >= (3, 12) else None


def refcount(obj, /):
    """Returns how many references to obj there are outside of this call; None if it is immortal.

    A local variable counts as one reference, an object that only the expression in the call has
    made counts 0. Call it directly: functions that call it for you (map, functools.partial) hold
    references while they do.
    """
    kept = [obj]
    del obj
    count = getrefcount(kept[0])
    if _IMMORTAL_COUNT is not None and count >= _IMMORTAL_COUNT:
        return None
    return count - _overhead()


def _overhead():
    """What _count, which does the same as refcount, counts too much. A frame evaluator that is
    installed later (debuggers, compilers) changes it, so it is measured anew each time."""
    known_once = object()
    return _count(known_once) - 1


def _count(obj, /):
    kept = [obj]
    del obj
    return getrefcount(kept[0])
