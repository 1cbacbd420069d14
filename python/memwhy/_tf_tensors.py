# SPDX-License-Identifier: Apache-2.0
"""EagerTensors, variables and resource handles: how many, how many bytes, whose.

A buffer that several tensors share (a reshape, a variable and what was read from it) counts once,
by its address. Addresses are read for tensors of the CPU only; elsewhere a tensor counts for itself.
Strings and variants have no size here: their bytes are None, never 0.
"""

import gc
import sys
from collections import Counter

_RESOURCE, _STRING, _VARIANT = 20, 7, 21  # types.proto
_ITEM_BYTES = {
    1: 4, 2: 8, 3: 4, 4: 1, 5: 2, 6: 1, 8: 8, 9: 8, 10: 1, 11: 1, 12: 1, 13: 4, 14: 2, 15: 2,
    16: 2, 17: 2, 18: 16, 19: 2, 22: 4, 23: 8, 24: 1, 25: 1, 29: 1, 30: 1,
}  # fmt: skip


class TensorCount:
    """What one look at the process found."""

    def __init__(self):
        self.tensors = 0
        self.bytes = 0  # of all buffers, each once
        self.buffers = 0
        self.unsized = 0  # strings and variants
        self.elsewhere = 0  # tensors that are not on the CPU
        self.variables = 0
        self.variable_bytes = 0
        self.handles = 0
        self.handle_owners = []
        self.largest = []


def find_tensors(runtime, objects, also=None):
    """The EagerTensors among `objects`, with a value and resource handles, and how many objects
    of the class `also`."""
    kind = runtime.ops.EagerTensor
    wanted = (kind, also)
    values, handles, others = [], [], 0
    for obj in [obj for obj in objects if type(obj) in wanted]:
        if type(obj) is not kind:
            others += 1
        elif obj._datatype_enum() == _RESOURCE:
            handles.append(obj)
        else:
            values.append(obj)
    return values, handles, others


def find_variables(runtime, objects):
    """The variables of the eager runtime among `objects`, without those of graphs."""
    base, tensor = runtime.resource_ops.BaseResourceVariable, runtime.ops.EagerTensor
    kinds = {}
    found = []
    for obj in objects:
        kind = type(obj)
        known = kinds.get(kind)
        if known is None:
            known = kinds[kind] = issubclass(kind, base)
        if known and type(getattr(obj, "_handle", None)) is tensor:
            found.append(obj)
    return found


def count_tensors(runtime, objects, largest=0):
    """A TensorCount of `objects`, what gc.get_objects returned.

    Each variable is read by one ReadVariableOp without a copy; gradient tapes do not see it.
    """
    count = TensorCount()
    values, handles, _ = find_tensors(runtime, objects)
    variables = find_variables(runtime, objects)
    count.tensors = len(values)
    count.variables = len(variables)
    buffers = {}  # by (place, address): bytes, dtype, shape, whether a variable's
    for variable in variables:
        _meet_variable(runtime, variable, buffers, count)
    for tensor in values:
        _meet(tensor, buffers, count, is_variable=False)
    count.buffers = len(buffers)
    for size, _, _, is_variable in buffers.values():
        count.bytes += size
        if is_variable:
            count.variable_bytes += size
    if largest:
        top = sorted(buffers.items(), key=lambda item: -item[1][0])[:largest]
        count.largest = [
            {"bytes": size, "dtype": dtype, "shape": shape, "variable": is_variable}
            for _, (size, dtype, shape, is_variable) in top
        ]
    count.handles = len(handles)
    count.handle_owners = _owners(handles, (objects, handles))
    return count


def _meet_variable(runtime, variable, buffers, count):
    try:
        with runtime.record.stop_recording(), runtime.context.eager_mode():
            value = runtime.read_ops.read_variable_op(variable.handle, variable.dtype)
    except Exception:  # not initialized, or its resource is gone: it has no bytes
        return
    _meet(value, buffers, count, is_variable=True)


def _meet(tensor, buffers, count, is_variable):
    number = tensor._datatype_enum()
    item = _ITEM_BYTES.get(number)
    if item is None:
        count.unsized += 1
        return
    shape = tensor._shape_tuple()
    size = item
    for length in shape:
        size *= length
    if size == 0:
        return
    place = tensor.backing_device
    if place is None or not place.endswith(":CPU:0"):
        count.elsewhere += 1
        key = (place, id(tensor))
    else:
        key = _address(tensor)
    known = buffers.get(key)
    # Tensors that share a buffer may show a part of it each.
    if known is None or known[0] < size or (is_variable and not known[3]):
        buffers[key] = (
            max(size, known[0] if known else 0),
            tensor.dtype.name,
            list(shape),
            is_variable or bool(known and known[3]),
        )


def _address(tensor):
    try:
        return tensor._numpy_internal().__array_interface__["data"][0]
    except Exception:  # an operation that failed asynchronously
        return id(tensor)


def _owners(handles, ours):
    """Resource handles by the class that owns them, most first."""
    owners = Counter()
    orphans = []
    for handle in handles:
        parent = getattr(handle, "_parent_trackable", None)
        parent = parent() if parent is not None else None
        if parent is None:
            orphans.append(handle)
        else:
            owners[_class_name(parent)] += 1
    held = _holders_of(orphans, ours) if orphans else {}
    for handle in orphans:
        owners[held.get(id(handle), "not known")] += 1
    return [{"owner": name, "handles": number} for name, number in owners.most_common()]


def _holders_of(orphans, ours):
    """By id of each handle, the class that refers to it; a graph before a deleter."""
    wanted = {id(handle) for handle in orphans}
    skipped = {id(orphans), id(sys._getframe(1).f_locals), *(id(part) for part in ours), id(ours)}
    found = {}
    for referrer in gc.get_referrers(*orphans):
        if id(referrer) in skipped or type(referrer).__name__ == "frame":
            continue
        name = _class_name(referrer)
        for obj in gc.get_referents(referrer):
            if id(obj) in wanted:
                known = found.get(id(obj))
                if known is None or _rank(name) < _rank(known):
                    found[id(obj)] = name
    return found


def _rank(name):
    if "." not in name:
        return 2  # dict, list, tuple
    return 1 if name.endswith("EagerResourceDeleter") else 0


def _class_name(obj):
    kind = type(obj)
    module = kind.__module__
    name = kind.__qualname__
    return name if module == "builtins" else f"{module}.{name}"
