# SPDX-License-Identifier: Apache-2.0
"""tf.functions and their traces: how many, and which argument makes new ones.

A trace is a ConcreteFunction in the FunctionCache of a tf.function. Its key is the type of each
argument; an argument whose type differs most often between the traces of one cache is named. Values
of arguments are shown as TensorFlow prints them, cut to 64 characters.
"""

import os
from collections import defaultdict

_VALUE_LIMIT = 64
_MAX_VALUES = 5


def describe_functions(runtime, objects, sizes, top=None):
    """A dict for each source line that makes tf.functions, most traces first.

    `sizes`: bytes of each runtime function's definition by name. A line that makes a tf.function
    again and again has many `objects` of few traces each; many traces of one object are retraces.
    """
    kind = runtime.polymorphic.Function
    groups = defaultdict(list)
    for obj in objects:
        if type(obj) is kind:
            groups[_place(obj)].append(obj)
    rows = []
    for (name, file, line), functions in groups.items():
        traces, most, largest, total = 0, -1, None, 0
        for function in functions:
            cached = cached_traces(function)
            traces += len(cached)
            for _, concrete in cached:
                total += sizes.get(_runtime_name(concrete), 0)
            if len(cached) > most:
                most, largest = len(cached), cached
        rows.append(
            {
                "function": name,
                "file": file,
                "line": line,
                "objects": len(functions),
                "traces": traces,
                "max_traces": most,
                "graphdef_bytes": total,
                "retraced_by": changing_arguments(runtime, [key for key, _ in largest]),
            }
        )
    rows.sort(key=lambda row: (-row["traces"], row["file"] or "", row["line"] or 0))
    return rows if top is None else rows[:top]


def cached_traces(function):
    """The (key, ConcreteFunction) pairs of a tf.function."""
    cache = getattr(function, "_function_cache", None)
    primary = getattr(cache, "_primary", None)
    return [] if primary is None else list(primary.items())


def changing_arguments(runtime, keys):
    """The arguments whose types differ between `keys`, the most often first.

    Each: argument (with the place in a container), kind, distinct, values (a few of them).
    """
    if len(keys) < 2:
        return []
    by_argument = defaultdict(dict)  # argument -> distinct type -> None, in order
    contexts = set()
    for key in keys:
        context, function_type = key
        contexts.add(context)
        for name, parameter in function_type.parameters.items():
            for path, leaf in _leaves(runtime, name, parameter.type_constraint):
                by_argument[path].setdefault(leaf, None)
        for name, captured in (function_type.captures or {}).items():
            for path, leaf in _leaves(runtime, f"captured {name}", captured):
                by_argument[path].setdefault(leaf, None)
    rows = []
    for path, leaves in by_argument.items():
        if len(leaves) < 2:
            continue
        leaves = list(leaves)
        kind = _kind(runtime, leaves)
        rows.append(
            {
                "argument": path,
                "kind": kind,
                "distinct": len(leaves),
                "values": [_shown(runtime, leaf, kind) for leaf in leaves[:_MAX_VALUES]],
            }
        )
    if len(contexts) > 1:
        rows.append(
            {
                "argument": "(context)",
                "kind": "context",
                "distinct": len(contexts),
                "values": [],
            }
        )
    rows.sort(key=lambda row: -row["distinct"])
    return rows


def _leaves(runtime, path, kind):
    types = runtime.traces
    if isinstance(kind, types.Attrs):
        kind = kind.named_attributes
    if isinstance(kind, types.NamedTuple):
        for name, part in zip(kind.attribute_names, kind.attributes.components):
            yield from _leaves(runtime, f"{path}.{name}", part)
    elif isinstance(kind, types.List):
        yield from _items(runtime, path, kind.components_tuple.components)
    elif isinstance(kind, types.Tuple):
        yield from _items(runtime, path, kind.components)
    elif isinstance(kind, types.Dict):
        yield f"{path} (keys)", tuple(map(repr, kind.mapping))
        for name, part in kind.mapping.items():
            yield from _leaves(runtime, f"{path}[{name!r}]", part)
    else:
        yield path, kind


def _items(runtime, path, parts):
    yield f"{path} (length)", len(parts)
    for index, part in enumerate(parts):
        yield from _leaves(runtime, f"{path}[{index}]", part)


def _kind(runtime, leaves):
    if all(isinstance(leaf, runtime.traces.Literal) for leaf in leaves):
        return "python value"
    if all(isinstance(leaf, (int, tuple)) for leaf in leaves):
        return "structure"
    if all(hasattr(leaf, "shape") and hasattr(leaf, "dtype") for leaf in leaves):
        dtypes = {leaf.dtype for leaf in leaves}
        shapes = {str(leaf.shape) for leaf in leaves}
        if len(dtypes) > 1 and len(shapes) > 1:
            return "shape and dtype"
        if len(shapes) > 1:
            return "shape"
        return "dtype" if len(dtypes) > 1 else "tensor"
    if len({type(leaf) for leaf in leaves}) > 1:
        return "type"
    return "object"


def _shown(runtime, leaf, kind):
    if kind == "python value":
        text = repr(leaf.value)
    elif kind == "shape":
        text = str(leaf.shape)
    elif kind == "dtype":
        text = leaf.dtype.name
    else:
        text = repr(leaf)
    return text if len(text) <= _VALUE_LIMIT else text[: _VALUE_LIMIT - 3] + "..."


def _runtime_name(concrete):
    function = getattr(concrete, "_inference_function", None)
    name = getattr(function, "name", None)
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _place(function):
    """Name, file and line of the Python function behind a tf.function."""
    python = getattr(function, "_python_function", None)
    name = getattr(function, "_name", None) or getattr(python, "__qualname__", None)
    for _ in range(8):  # what Keras, autograph and functools wrap around it
        code = getattr(python, "__code__", None)
        inner = getattr(python, "__wrapped__", None) or getattr(python, "func", None)
        if inner is not None:
            python = inner
        elif code is None and hasattr(python, "__func__"):
            python = python.__func__
        else:
            break
    code = getattr(python, "__code__", None)
    if code is None:
        return name or "?", None, None
    name = getattr(python, "__qualname__", None) or name or code.co_name
    return name, os.path.abspath(code.co_filename), code.co_firstlineno
