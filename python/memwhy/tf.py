# SPDX-License-Identifier: Apache-2.0
"""What TensorFlow keeps in this process: functions and their traces, registries, tensors, handles.

    import memwhy.tf

    print(memwhy.tf.text())          # or report(), a dict; counts() for a few numbers often

Nothing runs until one of these is called, and TensorFlow is never imported here: without one, or
with one that is too old or imported only in part, they raise TensorFlowError. They collect no
garbage. Strings are names of functions, files, classes and, for retraces, values of arguments.
"""

import contextlib
import gc
import json
import os
import sys
import threading
from collections import Counter, OrderedDict

from memwhy._tf_retrace import describe_functions
from memwhy._tf_runtime import Runtime, TensorFlowError, keras_versions
from memwhy._tf_tensors import count_tensors, find_tensors
from memwhy._tf_text import report_text

__all__ = ["TensorFlowError", "counts", "report", "text", "write"]

# The sizes of definitions that were read before: a definition never changes under its name.
_sizes = {}
_sizes_lock = threading.Lock()


def counts():
    """A few totals, cheap enough for each iteration of a loop.

    functions: runtime functions (traces and their gradients; kernels of eager operations are not
    counted); graphdef_bytes: of their definitions; references: how many Python objects refer to
    them; graphs: FuncGraphs; handles: resource handles (variables, tables, iterators); tensors:
    EagerTensors with a value; gradients: entries of the gradient registry that tf.custom_gradient
    made; py_functions: functions that graphs keep for tf.py_function.
    """
    runtime = Runtime()
    with _no_collection():
        graph = runtime.func_graph.FuncGraph
        values, handles, graphs = find_tensors(runtime, gc.get_objects(), also=graph)
        names = _function_names(runtime)
        return {
            "functions": len(names),
            "graphdef_bytes": sum(_definition_sizes(runtime, names).values()),
            "references": sum(runtime.atomic.RUNTIME_FUNCTION_REFS.values()),
            "graphs": graphs,
            "handles": len(handles),
            "tensors": len(values),
            "gradients": len(_custom_gradients(runtime)),
            "py_functions": len(runtime.script_ops._py_funcs._funcs),
        }


def report(top=20):
    """All that is known, as a dict (memwhy.tf/1 of docs/formats/tensorflow.md). `top`: rows of each list;
    None: all of them."""
    runtime = Runtime()
    with _no_collection():
        return _report(runtime, gc.get_objects(), top)


def _report(runtime, objects, top):
    names = _function_names(runtime)
    sizes = _definition_sizes(runtime, names)
    tensors = count_tensors(runtime, objects, largest=len(objects) if top is None else top)
    graph = runtime.func_graph.FuncGraph
    return {
        "schema": "memwhy.tf/1",
        "pid": os.getpid(),
        "tensorflow": runtime.version,
        "keras": keras_versions(),
        "functions": _functions(runtime, names, sizes, top),
        "tf_functions": describe_functions(runtime, objects, sizes, top),
        "gradient_registry": _gradients(runtime, top),
        "py_functions": _py_functions(runtime, objects, top),
        "graphs": sum(1 for obj in objects if type(obj) is graph),
        "tensors": {
            "tensors": tensors.tensors,
            "buffers": tensors.buffers,
            "bytes": tensors.bytes,
            "unsized": tensors.unsized,
            "elsewhere": tensors.elsewhere,
            "largest": tensors.largest,
        },
        "variables": {"variables": tensors.variables, "bytes": tensors.variable_bytes},
        "handles": {"handles": tensors.handles, "owners": tensors.handle_owners[:top]},
        "keras_state": _keras_state(),
    }


def text(top=10):
    """report() for people, at most 80 columns."""
    return report_text(report(top))


def write(path, top=None):
    """Writes report() as JSON to `path`; a request of another process comes here."""
    document = json.dumps(report(top))
    with open(path, "w", encoding="utf-8") as file:
        file.write(document + "\n")


@contextlib.contextmanager
def _no_collection():
    """The lists made here are long enough to start collections of the whole process."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _function_names(runtime):
    context = runtime.live_context()
    if context is None:
        return []
    # Each eager operation's kernel stands in the same list, as a function that wraps it.
    return [name for name in context.list_function_names() if not name.startswith("__wrapped__")]


def _definition_sizes(runtime, names):
    context = runtime.live_context()
    if context is None:
        return {}
    scope = context.function_scope_id
    found = {}
    with _sizes_lock:
        for name in names:
            size = _sizes.get((scope, name))
            if size is None:
                try:
                    size = context.get_function_def(name).ByteSize()
                except Exception:  # it has been removed since it was listed
                    continue
            found[name] = size
        _sizes.clear()
        _sizes.update({(scope, name): size for name, size in found.items()})
    return found


def _functions(runtime, names, sizes, top):
    references = Counter()
    for key, number in list(runtime.atomic.RUNTIME_FUNCTION_REFS.items()):
        name = key[1] if isinstance(key, tuple) else key
        references[name.decode("utf-8", "replace") if isinstance(name, bytes) else name] += number
    unreferenced = [name for name in names if name not in references]
    largest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:top]
    return {
        "runtime": len(names),
        "references": sum(references.values()),
        # Python has no object that would remove these.
        "unreferenced": len(unreferenced),
        "unreferenced_names": sorted(unreferenced)[:top],
        "graphdef_bytes": sum(sizes.values()),
        "largest": [
            {"name": name, "bytes": size, "references": references.get(name, 0)}
            for name, size in largest
        ],
    }


def _registry_entries(runtime):
    registry = getattr(runtime.ops, "gradient_registry", None)
    if registry is None:
        registry = getattr(runtime.ops, "_gradient_registry", None)
    return dict(getattr(registry, "_registry", {}))


def _custom_gradients(runtime):
    return {
        name: entry
        for name, entry in _registry_entries(runtime).items()
        if name.startswith("CustomGradient-")
    }


def _gradients(runtime, top):
    entries = _custom_gradients(runtime)
    makers = Counter(_gradient_maker(entry.get("type")) for entry in entries.values())
    return {
        "entries": len(_registry_entries(runtime)),
        "custom": len(entries),
        "made_for": [
            {"function": name, "file": file, "line": line, "entries": number}
            for (name, file, line), number in makers.most_common(top)
        ],
    }


def _gradient_maker(function):
    """The function whose gradient an entry is: found in the closure of what is registered."""
    seen = set()
    level = [function]
    best = None
    for _ in range(4):
        deeper = []
        for item in level:
            code = getattr(item, "__code__", None)
            if code is None or id(item) in seen:
                continue
            seen.add(id(item))
            if not _is_library(code.co_filename):
                return item.__qualname__, os.path.abspath(code.co_filename), code.co_firstlineno
            best = best or (item.__qualname__, code.co_filename, code.co_firstlineno)
            for cell in getattr(item, "__closure__", None) or ():
                try:
                    deeper.append(cell.cell_contents)
                except ValueError:
                    pass
        level = deeper
    return best or ("?", None, None)


def _is_library(path):
    parts = path.replace(os.sep, "/").split("/")
    return bool({"tensorflow", "keras", "tf_keras"} & set(parts)) and "site-packages" in parts


def _py_functions(runtime, objects, top):
    registry = runtime.script_ops._py_funcs
    live = list(registry._funcs.values())
    places = Counter()
    for function in live:
        inner = getattr(function, "_func", None) or function
        code = getattr(inner, "__code__", None)
        places[
            getattr(inner, "__qualname__", type(inner).__name__),
            None if code is None else os.path.abspath(code.co_filename),
            None if code is None else code.co_firstlineno,
        ] += 1
    graph_kinds = {}
    graphs = 0
    for obj in objects:
        kind = type(obj)
        known = graph_kinds.get(kind)
        if known is None:
            known = graph_kinds[kind] = issubclass(kind, runtime.ops.Graph)
        if known and getattr(obj, "_py_funcs_used_in_graph", None):
            graphs += 1
    return {
        "live": len(live),
        "registered": registry._unique_id,
        "graphs": graphs,
        "functions": [
            {"function": name, "file": file, "line": line, "entries": number}
            for (name, file, line), number in places.most_common(top)
        ],
    }


def _keras_state():
    """What clear_session would reset, in this thread: names, and items where it is a container."""
    found = []
    module = sys.modules.get("keras.src.backend.common.global_state")
    tracker = getattr(module, "GLOBAL_STATE_TRACKER", None)
    if tracker is not None:
        for name, value in sorted(vars(tracker).items()):
            found.append({"of": "keras", "name": name, "items": _length(value)})
    module = sys.modules.get("tf_keras.src.backend")
    uids = getattr(module, "PER_GRAPH_OBJECT_NAME_UIDS", None)
    if uids is not None:
        total = sum(len(names) for names in list(uids.values()))
        found.append({"of": "tf_keras", "name": "PER_GRAPH_OBJECT_NAME_UIDS", "items": total})
    return found


def _length(value):
    if isinstance(value, (dict, list, set, tuple, OrderedDict)):
        return len(value)
    return None


