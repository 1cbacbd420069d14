# SPDX-License-Identifier: Apache-2.0
"""MemoryTraceHook: what goes into the modules of a PyTorch model, what comes out, and what stays.

Invariant: the hook keeps no tensor alive and changes none; its memory is bounded by `capacity`.
Pure Python: a call of a module costs some microseconds more (benchmarks/trace_hook).
"""

import itertools
import sys
import threading
import time
import weakref

FIELDS = (
    "time",
    "event",
    "module",
    "tensor",
    "data_ptr",
    "shape",
    "dtype",
    "device",
    "bytes",
    "refs_before",
    "refs_after",
    "version",
    "is_leaf",
    "requires_grad",
    "grad_fn",
)
_REFS_AFTER = FIELDS.index("refs_after")
_MAX_DEPTH = 8  # of containers in arguments and results


class MemoryTraceHook:
    """Records the tensors that go into and out of modules, in a ring of `capacity` events.

        with memwhy.MemoryTraceHook(model) as hook:
            model(batch).sum().backward()
        for row in hook.summary():
            print(row["module"], row["kept_bytes"])

    Without `model` all modules of the process are traced, those called in other threads, too.
    Events are "input", "output", "gradient" (of the model's parameters, torch 2.1 and later),
    "birth" (a storage is seen for the first time) and "death" (it is gone). `refs_before` is the
    number of references to an input when its module is called, `refs_after` when it returns, of an
    output when it is returned: what sys.getrefcount says in a forward hook of one's own, without
    the hook's. None: not known. Code that torch.compile has compiled runs without inner modules: what is in it is not
    seen, and `compiled` counts the calls of such regions.
    """

    def __init__(self, model=None, capacity=65536):
        if isinstance(capacity, bool) or not isinstance(capacity, int):
            raise TypeError("capacity must be an int")
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self.compiled = 0
        self._model = None if model is None else weakref.ref(model)
        self._capacity = capacity
        self._ring = [None] * capacity
        self._count = 0
        self._numbers = itertools.count()
        self._handles = []
        self._names = weakref.WeakKeyDictionary()
        self._texts = {}
        self._calls = {}  # of each module's name
        self._live = {}  # storages by the address of their C++ object
        self._local = threading.local()
        self._start = time.monotonic()
        self._torch = None

    def __enter__(self):
        return self.install()

    def __exit__(self, *_):
        self.remove()
        return False

    # Install and remove.

    def install(self):
        """Begins to record; a second call changes nothing. Returns the hook."""
        if self._handles:
            return self
        import torch  # noqa: PLC0415 - a service without torch never pays for it

        self._torch = torch
        self._is_compiling = _compiling_test(torch)
        self._storage_of = _storage_reader(torch)
        self._follows_storages = _storages_tell_their_end(torch)
        self._always = _has_always_call(torch)
        model = None if self._model is None else self._model()
        if self._model is not None and model is None:
            raise ReferenceError("the model is gone")
        if model is None:
            self._hook_all()
        else:
            self._hook_model(model)
        return self

    def remove(self):
        """Ends the recording; events stay. A second call changes nothing."""
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.remove()
        self._local = threading.local()

    def _hook_all(self):
        module = self._torch.nn.modules.module
        always = {"always_call": True} if self._always else {}
        self._handles.append(module.register_module_forward_pre_hook(self._before()))
        self._handles.append(module.register_module_forward_hook(self._after(), **always))

    def _hook_model(self, model):
        always = {"always_call": True} if self._always else {}
        before, after = self._before(), self._after()
        for name, module in model.named_modules():
            self._names[module] = name or type(module).__name__
            self._handles.append(module.register_forward_pre_hook(before))
            self._handles.append(module.register_forward_hook(after, **always))
        for name, parameter in model.named_parameters():
            register = getattr(parameter, "register_post_accumulate_grad_hook", None)
            if register is not None and parameter.requires_grad:
                self._handles.append(register(_GradientHook(self, name)))

    # What torch calls.

    # Plain functions: a call of a bound method may hold references of its own for a while.
    def _before(self):
        def before(module, inputs):
            if self._is_compiling():
                return
            stack = self._stack()
            if not self._always:
                _drop_ended(stack)
            name = self._name_of(module, stack)
            entries = []
            found = _tensors(self._torch.Tensor, inputs)
            for i in range(len(found)):
                # Without the list's item and the argument of getrefcount.
                references = sys.getrefcount(found[i]) - 2
                entries.append(self._put("input", name, found[i], references, None))
            stack.append((weakref.ref(module), name, entries, id(sys._getframe(1))))

        return before

    def _after(self):
        def after(module, inputs, output):
            if self._is_compiling():
                return
            call = _end_of_call(self._stack(), module)
            if call is None:  # it began before the hook was installed
                return
            _, name, entries, _ = call
            if type(module).__name__ == "OptimizedModule":
                self.compiled += 1
            self._calls[name] = self._calls.get(name, 0) + 1
            found = _tensors(self._torch.Tensor, inputs)
            for i in range(min(len(entries), len(found))):
                entries[i][_REFS_AFTER] = sys.getrefcount(found[i]) - 2
            found = _tensors(self._torch.Tensor, output)
            for i in range(len(found)):
                references = sys.getrefcount(found[i]) - 2
                self._put("output", name, found[i], None, references)

        return after

    def _stack(self):
        stack = getattr(self._local, "stack", None)
        if stack is None:
            stack = self._local.stack = []
        return stack

    # "encoder.layers.0" below the outermost module that is running; that one by its class.
    def _name_of(self, module, stack):
        name = self._names.get(module)
        if name is not None:
            return name
        for of, parent_name, _, _ in reversed(stack):
            parent = of()
            if parent is None:
                continue
            for path, child in parent.named_modules():
                if child is module and path:
                    name = f"{parent_name}.{path}"
                    break
            if name is not None:
                break
        if name is None:
            name = type(module).__name__
        self._names[module] = name
        return name

    # Records.

    def _put(self, event, module, tensor, refs_before, refs_after):
        storage, data_ptr, count = self._storage_facts(tensor)
        grad_fn = tensor.grad_fn
        entry = [
            time.monotonic() - self._start,
            event,
            module,
            id(tensor),
            data_ptr,
            tuple(tensor.shape),
            self._text_of(tensor.dtype),
            self._text_of(tensor.device),
            count,
            refs_before,
            refs_after,
            _version_of(tensor),
            tensor.is_leaf,
            tensor.requires_grad,
            None if grad_fn is None else grad_fn.name(),
        ]
        if storage is not None:
            self._meet(storage, entry)
        return self._push(entry)

    # There are few types and devices, and their texts are slow to make.
    def _text_of(self, value):
        text = self._texts.get(value)
        if text is None:
            text = str(value)
            if text.startswith("torch."):
                text = text[6:]
            self._texts[value] = text
        return text

    def _push(self, entry):
        number = next(self._numbers)
        self._ring[number % self._capacity] = entry
        self._count = max(self._count, number + 1)
        return entry

    def _storage_facts(self, tensor):
        try:
            storage = self._storage_of(tensor)
            return storage, tensor.data_ptr(), storage.nbytes()
        except (RuntimeError, NotImplementedError, AttributeError):
            return None, None, None  # sparse tensors, tensors that torch only imagines

    def _meet(self, storage, entry):
        if not self._follows_storages:
            return
        key = storage._cdata
        if key in self._live:
            return
        facts = (entry[2], entry[8], entry[7])
        # Not bound to the hook: a storage that lives longer than it keeps nothing of it.
        own = weakref.ref(self)

        def end(_, key=key, own=own):
            hook = own()
            if hook is not None:
                hook._storage_died(key)

        self._live[key] = (weakref.ref(storage, end), facts)
        birth = list(entry)
        birth[1] = "birth"
        birth[3] = None
        self._push(birth)

    def _storage_died(self, key):
        _, (module, count, device) = self._live.pop(key, (None, (None, None, None)))
        if module is None:
            return
        entry = [None] * len(FIELDS)
        entry[0] = time.monotonic() - self._start
        entry[1], entry[2], entry[7], entry[8] = "death", module, device, count
        self._push(entry)

    # Answers.

    @property
    def lost(self):
        """How many events were overwritten by later ones."""
        return max(0, self._count - self._capacity)

    def events(self):
        """The events that are still in the ring, oldest first, as a list of dicts."""
        count = self._count
        first = max(0, count - self._capacity)
        entries = [self._ring[number % self._capacity] for number in range(first, count)]
        return [dict(zip(FIELDS, entry)) for entry in entries if entry is not None]

    def summary(self):
        """Per module: calls, and the storages first seen there that are still alive."""
        rows = {
            name: {"module": name, "calls": calls, "kept_storages": 0, "kept_bytes": 0}
            for name, calls in self._calls.items()
        }
        for _, (module, count, _) in list(self._live.values()):
            row = rows.setdefault(
                module, {"module": module, "calls": 0, "kept_storages": 0, "kept_bytes": 0}
            )
            row["kept_storages"] += 1
            row["kept_bytes"] += count or 0
        return sorted(rows.values(), key=lambda row: (-row["kept_bytes"], row["module"]))

    def to_pandas(self):
        """The events as a pandas.DataFrame, one column for each field."""
        import pandas  # noqa: PLC0415 - wanted by this call only

        return pandas.DataFrame(self.events(), columns=list(FIELDS))


class _GradientHook:
    """Of a parameter; does not keep the trace hook."""

    def __init__(self, hook, name):
        self._hook = weakref.ref(hook)
        self._name = name

    def __call__(self, parameter):
        hook = self._hook()
        if hook is None or hook._is_compiling() or parameter.grad is None:
            return
        hook._put("gradient", self._name, parameter.grad, None, None)


def _tensors(tensor_type, value, depth=0):
    """The tensors in `value`, in order: in tuples, lists and dicts, as models use them."""
    if isinstance(value, tensor_type):
        return [value]
    if depth == _MAX_DEPTH:
        return []
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    found = []
    for item in value:
        if isinstance(item, tensor_type):
            found.append(item)
        else:
            found.extend(_tensors(tensor_type, item, depth + 1))
    return found


def _end_of_call(stack, module):
    """The innermost call of `module`, taken off with all that it has left unfinished."""
    while stack:
        call = stack.pop()
        if call[0]() is module:
            return call
    return None


def _drop_ended(stack):
    """Without always_call a module that raised has never returned: its frame is gone."""
    if not stack:
        return
    running = set()
    frame = sys._getframe(2)
    while frame is not None:
        running.add(id(frame))
        frame = frame.f_back
    while stack and stack[-1][3] not in running:
        stack.pop()


def _version_of(tensor):
    try:
        return tensor._version
    except RuntimeError:  # made under inference_mode
        return None


def _compiling_test(torch):
    compiler = getattr(torch, "compiler", None)
    test = getattr(compiler, "is_compiling", None)
    return test if test is not None else lambda: False


def _storage_reader(torch):
    if hasattr(torch.Tensor, "untyped_storage"):
        return torch.Tensor.untyped_storage

    def read(tensor):
        storage = tensor.storage()
        return getattr(storage, "_storage", storage)

    return read


def _has_always_call(torch):
    register = torch.nn.modules.module.register_module_forward_hook
    return "always_call" in register.__code__.co_varnames


def _storages_tell_their_end(torch):
    """Whether a weak reference to a storage ends with the C++ object, not with Python's view."""
    if not hasattr(torch.Tensor, "untyped_storage"):
        return False
    tensor = torch.empty(1)
    ended = []
    try:
        reference = weakref.ref(tensor.untyped_storage(), ended.append)
    except TypeError:
        return False
    view = tensor.view(1)
    if ended or reference() is None:
        return False
    del tensor
    if ended:
        return False
    del view
    return bool(ended)
