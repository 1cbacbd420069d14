# SPDX-License-Identifier: Apache-2.0
"""Calls a function on a module right after its code has run, before anybody else has it.

So a function can be replaced before other modules import it by name. Modules that are never
imported cost nothing.
"""

import sys


class ImportWatch:
    """Put into sys.meta_path by install(). `wanted`: by the name of a module, what is called with
    it."""

    def __init__(self, wanted):
        self._wanted = dict(wanted)
        self._searching = set()

    def install(self):
        """Watches from now on; modules that are there already are handed over at once."""
        for name, then in list(self._wanted.items()):
            if name in sys.modules:
                then(sys.modules[name])
                del self._wanted[name]
        sys.meta_path.insert(0, self)

    def remove(self):
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name, path=None, target=None):
        if name not in self._wanted or name in self._searching:
            return None
        self._searching.add(name)
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                spec = None if finder is self or find is None else find(name, path, target)
                if spec is not None:
                    if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(spec.loader, self._wanted[name])
                    return spec
        finally:
            self._searching.discard(name)
        return None


class _Loader:
    """The module's own loader, and the call after it."""

    def __init__(self, loader, then):
        self._loader = loader
        self._then = then

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        # The module shall look as it would without us.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then(module)
