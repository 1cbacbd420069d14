# SPDX-License-Identifier: Apache-2.0
"""Runs a script, or a module by `-m`, as `python` would, in a process that goes on afterwards."""

import os
import runpy
import sys
import traceback
import types


class ScriptEnd:
    """How it ended: `status` as a shell has it; `names`, the namespace of its __main__."""

    def __init__(self, status, names):
        self.status = status
        self.names = names


def run_script(arguments):
    """Runs `SCRIPT ARGS...` or `-m MODULE ARGS...`. Its sys.exit and exceptions end it, not us."""
    main = types.ModuleType("__main__")
    names = main.__dict__
    try:
        if arguments[0] == "-m":
            names_of_code, code = _find_module(arguments[1:])
        else:
            names_of_code, code = _find_script(arguments)
    except (OSError, ImportError, SyntaxError, ValueError) as error:
        traceback.print_exception(type(error), error, None)
        return ScriptEnd(2, names)
    names.update(names_of_code, __builtins__=sys.modules["builtins"])
    ours = sys.modules.get("__main__")
    sys.modules["__main__"] = main
    status = _run(code, names)
    if status != 0 and ours is not None:
        names.setdefault("__name__", "__main__")
    return ScriptEnd(status, names)


def _find_script(arguments):
    path = os.path.abspath(arguments[0])
    with open(path, "rb") as file:
        source = file.read()
    sys.argv[:] = arguments
    sys.path.insert(0, os.path.dirname(path))
    return {"__file__": arguments[0]}, compile(source, path, "exec", dont_inherit=True)


def _find_module(arguments):
    sys.path.insert(0, os.getcwd())
    _, spec, code = runpy._get_module_details(arguments[0])
    sys.argv[:] = [spec.origin, *arguments[1:]]
    return {"__file__": spec.origin, "__spec__": spec, "__package__": spec.parent}, code


def _run(code, names):
    try:
        exec(code, names)
    except SystemExit as error:
        value = error.code
        if value is None or isinstance(value, int):
            return value or 0
        print(value, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BaseException as error:
        # Without our own frames.
        traceback.print_exception(type(error), error, error.__traceback__.tb_next)
        error.__traceback__ = None
        return 1
    return 0
