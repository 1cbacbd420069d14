# SPDX-License-Identifier: Apache-2.0
"""dump_garbage() and find_garbage(). What they need is loaded when they are called: services import
this package for mark()."""

import gc
import sys


def find_garbage(limit=20, group_by="cycle", with_referrers=True):
    """Runs a full collection that keeps what it finds, and tells what that is.

    Returns a dict of plain values (json.dump takes it); no object of the garbage stays alive by it:
      objects, bytes   all that was unreachable; bytes are shallow
      cycles           how many cycles, each with all objects that reach each other
      uncollectable    of the objects, those that CPython itself cannot free
      group_by, groups_left_out
      groups           at most `limit`, most bytes first
    A group by "cycle" holds the cycles that are alike:
      cycles, objects, bytes   how many cycles, and what all of them have
      types                    {type: objects} of one of them
      below                    {"objects", "bytes"}: garbage that only these cycles still held
      ring                     with referrers: [{"type", "edge"}], how the objects of one hold each
                               other; edge is source text (".next", "['key']"), "" where unknown
    A group by "type" has type, objects, bytes, and with referrers
      held_by                  [{"type", "edge", "objects"}] of at most 100 of its objects
    """
    # Loading makes objects, and an automatic collection would take the garbage away.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        from memwhy import _garbage

        return _garbage.find(limit, group_by, with_referrers)
    finally:
        if was_enabled:
            gc.enable()


def dump_garbage(limit=20, group_by="cycle", with_referrers=True, file=None):
    """Prints what find_garbage() tells, to `file` or sys.stderr."""
    report = find_garbage(limit, group_by, with_referrers)
    from memwhy import _garbage

    # Names may hold what acts on a terminal: written out, as the commands do it.
    lines = (
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        for line in _garbage.lines(report)
    )
    print("\n".join(lines), file=sys.stderr if file is None else file)
