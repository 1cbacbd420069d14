# SPDX-License-Identifier: Apache-2.0
"""Finds the agent's C ABI in this process.

The agent is a shared object that `memwhy run` preloads; its functions are then among the
process's global symbols. Nothing is loaded here: no agent, no binding. This module is imported
by services, so it imports little itself (typing alone would cost ten times all of the rest).
"""

import ctypes
import warnings

ABI_VERSION = 1


class Agent:
    """The agent's functions, bound once.

    mark(name: bytes, count: int) -> int: 0 if recorded, 1 if nothing is recording.
    is_enabled() -> int: not 0 while a recording runs.
    """

    __slots__ = ("is_enabled", "mark")

    def __init__(self, mark, is_enabled):
        self.mark = mark
        self.is_enabled = is_enabled


def find_agent():
    """Returns the bound agent, or None when this process has none.

    An agent of another ABI version is not used; a RuntimeWarning says so.
    """
    try:
        # PyDLL keeps the GIL over the call: the calls are shorter than releasing it.
        symbols = ctypes.PyDLL(None)
    except (OSError, TypeError):  # TypeError: no such look-up on this platform
        return None
    if not hasattr(symbols, "memwhy_abi_version"):
        return None
    symbols.memwhy_abi_version.argtypes = []
    symbols.memwhy_abi_version.restype = ctypes.c_uint32
    version = symbols.memwhy_abi_version()
    if version != ABI_VERSION:
        warnings.warn(
            f"the memwhy agent in this process speaks ABI version {version}, this memwhy package "
            f"version {ABI_VERSION}: marks are not recorded; install the package that came with "
            "the agent",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    symbols.memwhy_mark.argtypes = [ctypes.c_char_p, ctypes.c_uint64]
    symbols.memwhy_mark.restype = ctypes.c_int
    symbols.memwhy_enabled.argtypes = []
    symbols.memwhy_enabled.restype = ctypes.c_int
    return Agent(mark=symbols.memwhy_mark, is_enabled=symbols.memwhy_enabled)
