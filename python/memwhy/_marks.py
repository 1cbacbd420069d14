# SPDX-License-Identifier: Apache-2.0
"""Operation marks: the unit in which growth is told ("16 KiB per request").

mark() stands in the hot path of services, so the agent is bound once at import and the encoded
form of each name is kept, for a bounded number of names.
"""

import operator

from memwhy._agent import find_agent

NAME_LIMIT_BYTES = 64
_KEPT_NAMES = 256
_COUNT_LIMIT = 2**64 - 1

_encoded_names = {}
_agent = find_agent()
_agent_mark = None if _agent is None else _agent.mark


def mark(name="request", count=1):
    """Tells the recording that `count` operations called `name` have been done.

    name: not empty, without NUL characters, cut to 64 bytes of UTF-8. Use few names: a name is a
    kind of operation, not the identity of one.
    count: 0 to 2**64 - 1.

    Returns True if it was recorded, False if nothing is recording. Raises TypeError or ValueError
    for an argument that no recording could take, with or without an agent.
    """
    try:
        encoded = _encoded_names[name]
    except (KeyError, TypeError):  # TypeError: not hashable
        encoded = _encode(name)
    if count.__class__ is not int or not 0 <= count <= _COUNT_LIMIT:
        count = _checked_count(count)
    return _agent_mark is not None and _agent_mark(encoded, count) == 0


def enabled():
    """Returns True while a memwhy agent in this process records."""
    return _agent is not None and _agent.is_enabled() != 0


def _encode(name):
    if not isinstance(name, str):
        raise TypeError(f"memwhy.mark: name must be a str, not {type(name).__name__}")
    if not name:
        raise ValueError("memwhy.mark: name must not be empty")
    if "\0" in name:
        raise ValueError("memwhy.mark: name must not contain NUL characters")
    encoded = name.encode("utf-8", "replace")
    if len(encoded) > NAME_LIMIT_BYTES:
        # Dropping what does not decode keeps the cut at a whole character.
        encoded = encoded[:NAME_LIMIT_BYTES].decode("utf-8", "ignore").encode("utf-8")
    if len(_encoded_names) < _KEPT_NAMES and len(name) <= NAME_LIMIT_BYTES:
        _encoded_names[name] = encoded
    return encoded


def _checked_count(count):
    try:
        checked = operator.index(count)
    except TypeError:
        raise TypeError(
            f"memwhy.mark: count must be an int, not {type(count).__name__}"
        ) from None
    if not 0 <= checked <= _COUNT_LIMIT:
        raise ValueError(f"memwhy.mark: count must be 0 to 2**64 - 1, not {checked}")
    return checked
