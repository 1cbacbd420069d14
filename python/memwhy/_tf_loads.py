# SPDX-License-Identifier: Apache-2.0
"""The part of `memwhy tf loads` that runs in the program: counts around each load of a model.

    python .../memwhy/_tf_loads.py FOLDER SCRIPT ARGS...

The functions that load are replaced when their modules are imported, so it does not matter by which
name a script calls them; a load inside of another is part of it. Only numbers and weak references
are kept, so what the script drops is freed as without us. When the script has ended, its names are
deleted, garbage is collected, Keras's state is cleared and free memory is returned, with the counts
after each step; two heap dumps show who holds what is left before and after. Writes FOLDER/loads.json.
"""

import os
import sys

if __name__ == "__main__":
    _here = os.path.dirname(os.path.abspath(__file__))
    _paths = sys.path[:]
    sys.path[:] = [os.path.dirname(_here)]
    sys.path += [path for path in _paths if os.path.abspath(path) != _here]

import array
import contextlib
import functools
import gc
import inspect
import itertools
import json
import threading
import weakref

import memwhy.heap
import memwhy.tf
from memwhy._import_watch import ImportWatch
from memwhy._process_look import _libc, malloc_in_use
from memwhy._script_run import run_script
from memwhy._tf_runtime import Runtime, keras_versions
from memwhy._tf_tensors import find_tensors

KEYS = ("functions", "graphdef_bytes", "handles", "objects", "malloc", "rss")
KINDS = ("loaded object", "runtime function", "graph", "resource handle")
_PAGE = os.sysconf("SC_PAGESIZE")


def count():
    """The numbers of KEYS now; collects nothing. malloc is -1 where the libc does not tell."""
    totals = memwhy.tf.counts()
    with open("/proc/self/statm", "rb") as file:
        rss = int(file.read().split()[1]) * _PAGE
    malloc = malloc_in_use()
    return (
        totals["functions"],
        totals["graphdef_bytes"],
        totals["handles"],
        len(gc.get_objects()),
        -1 if malloc is None else malloc,
        rss,
    )


class Loads:
    """What was loaded: for each load its loader, and the counts before and after it."""

    def __init__(self):
        self.loaders = []
        self.names = []
        self.numbers = array.array("q")  # no object of the collector's, however many
        self.results = []
        self.failed = 0
        self.error = None
        self.known = {}  # by address, weak references to what there was before the first load
        self._depth = threading.local()

    def around(self, load, name_of):
        @functools.wraps(load)
        def counted(*args, **kwargs):
            if getattr(self._depth, "inside", False):
                return load(*args, **kwargs)
            self._depth.inside = True
            try:
                return self._count(load, name_of, args, kwargs)
            finally:
                self._depth.inside = False

        # Keras asks __init__ for its arguments, and not what is wrapped.
        counted.__signature__ = inspect.signature(load)
        return counted

    def _count(self, load, name_of, args, kwargs):
        try:
            if not self.names:
                self.known = _references(_living())
            before = count()
        except memwhy.tf.TensorFlowError as error:
            self.error = str(error)
            return load(*args, **kwargs)
        try:
            result = load(*args, **kwargs)
        except BaseException:
            self.failed += 1
            raise
        self.names.append(name_of(args, kwargs))
        made = args[0] if result is None and args else result  # of an __init__
        with contextlib.suppress(TypeError):
            self.results.append(weakref.ref(made))
        del made
        self.numbers.extend(before)
        self.numbers.extend(count())
        return result

    def rows(self):
        width = len(KEYS)
        for index, name in enumerate(self.names):
            at = 2 * width * index
            yield name, self.numbers[at : at + width], self.numbers[at + width : at + 2 * width]


def _living():
    """By kind, what may stay of a load; these lists keep it alive while they are there."""
    runtime = Runtime()
    objects = gc.get_objects()
    atomic, graph = runtime.atomic.AtomicFunction, runtime.func_graph.FuncGraph
    _, handles, _ = find_tensors(runtime, objects)
    return {
        "runtime function": [obj for obj in objects if type(obj) is atomic],
        "graph": [obj for obj in objects if type(obj) is graph],
        "resource handle": handles,
    }


def _references(living):
    """By address; of an AtomicFunction, which has no weak references, the name."""
    found = {}
    for obj in itertools.chain.from_iterable(living.values()):
        try:
            found[id(obj)] = weakref.ref(obj)
        except TypeError:
            found[id(obj)] = obj.name
    return found


def _is_known(obj, known):
    mark = known.get(id(obj))  # the address may have gone to another object since
    return mark is not None and (mark() is obj if callable(mark) else mark == obj.name)


def _survivors(loads):
    """Addresses of what the loads have left, by kind."""
    found = {"loaded object": [obj for obj in (ref() for ref in loads.results) if obj is not None]}
    found.update(_living())
    return {
        kind: [id(obj) for obj in found[kind] if not _is_known(obj, loads.known)] for kind in KINDS
    }


def watch_loaders(loads):
    """Replaces the functions that load, now or when their modules come."""

    def replace(attribute, name_of):
        def then(module):
            setattr(module, attribute, loads.around(getattr(module, attribute), name_of))

        return then

    def fixed(name):
        return lambda args, kwargs: name

    def by_file(package):
        def name_of(args, kwargs):
            path = args[0] if args else kwargs.get("filepath")
            return f"{package}.load_model({_file_kind(path)})"

        return name_of

    def replace_init(module):
        layer = module.TFSMLayer
        layer.__init__ = loads.around(layer.__init__, fixed("keras.layers.TFSMLayer"))

    ImportWatch(
        {
            "tensorflow.python.saved_model.load": replace("load", fixed("tf.saved_model.load")),
            "tensorflow.python.saved_model.loader_impl": replace(
                "load", fixed("tf.compat.v1.saved_model.load")
            ),
            "keras.src.saving.saving_api": replace("load_model", by_file("keras")),
            "tf_keras.src.saving.saving_api": replace("load_model", by_file("tf_keras")),
            "keras.src.export.tfsm_layer": replace_init,
        }
    ).install()


def _file_kind(path):
    try:
        path = os.fspath(path)
        path = path.decode("utf-8", "replace") if isinstance(path, bytes) else path
    except TypeError:
        return "file object"
    if os.path.isdir(path):
        return "SavedModel"
    ending = os.path.splitext(path)[1]
    return ending if 1 < len(ending) <= 8 else "file"


# After the script.


def _clear_session():
    """Of each Keras that the program has imported. Whether there is one."""
    cleared = False
    state = sys.modules.get("keras.src.backend.common.global_state")
    if state is not None:
        state.clear_session()
        cleared = True
    backend = sys.modules.get("tf_keras.src.backend")
    if backend is not None:
        backend.clear_session()
        cleared = True
    return cleared


def _trim():
    if _libc is None:
        return False
    _libc.malloc_trim(0)
    return True


def _delete_names(names):
    for name in [name for name in names if not name.startswith("__")]:
        del names[name]
    return True


def clean_up(names):
    """Each clean-up and the counts after it; None where there is nothing of the kind."""
    steps = (
        ("del", lambda: _delete_names(names)),
        ("gc.collect", lambda: gc.collect() is not None),
        ("clear_session", _clear_session),
        ("malloc_trim", _trim),
    )
    for what, act in steps:
        yield what, count() if act() else None


def _dump(path, loads):
    """Survivors, and a heap dump that has them under these addresses; why there is none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        survivors = _survivors(loads)
        if not any(survivors.values()):
            return survivors, None
        memwhy.heap.dump(path)
        return survivors, None
    except memwhy.heap.DumpError as error:
        return survivors, str(error)
    finally:
        if enabled:
            gc.enable()


def main(folder, arguments):
    os.dup2(2, 1)  # the result alone is on stdout
    loads = Loads()
    watch_loaders(loads)
    end = run_script(arguments)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    document = {
        "exit_status": end.status,
        "tensorflow": None,
        "keras": keras_versions(),
        "failed": loads.failed,
        "error": loads.error,
        "keys": KEYS,
        "loads": [
            {"loader": name, "before": list(before), "after": list(after)}
            for name, before, after in loads.rows()
        ],
        "cleanups": [],
        "looks": [],
    }
    with contextlib.suppress(memwhy.tf.TensorFlowError):
        document["tensorflow"] = Runtime().version
    if loads.names and loads.error is None:
        for when in ("end", "after"):
            if when == "after":
                document["end"] = list(count())
                for what, after in clean_up(end.names):
                    document["cleanups"].append(
                        {"what": what, "after": None if after is None else list(after)}
                    )
            path = os.path.join(folder, f"{when}.heap")
            survivors, trouble = _dump(path, loads)
            document["looks"].append({"when": when, "survivors": survivors, "trouble": trouble})
    with open(os.path.join(folder, "loads.json"), "w", encoding="utf-8") as file:
        json.dump(document, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
    # The script's own atexit functions would find its names gone.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
