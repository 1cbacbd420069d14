# SPDX-License-Identifier: Apache-2.0
"""memwhy.MemoryTraceHook beside hooks of this program's own that note what Python says at the same
places. Exits with an error where the two differ; prints what was compared."""

import gc
import json
import random
import sys
import threading

import memwhy
import torch
from torch import nn

FIELDS = ("tensor", "data_ptr", "shape", "dtype", "device", "bytes", "version", "is_leaf")
FIELDS += ("requires_grad", "grad_fn")
HAS_ENDS = hasattr(torch.Tensor, "untyped_storage")
NAMES = {"input": [], "output": []}


def storage_of(tensor):
    if HAS_ENDS:
        return tensor.untyped_storage()
    storage = tensor.storage()
    return getattr(storage, "_storage", storage)


def facts(tensor):
    return (
        id(tensor),
        tensor.data_ptr(),
        tuple(tensor.shape),
        str(tensor.dtype).replace("torch.", ""),
        str(tensor.device),
        storage_of(tensor).nbytes(),
        tensor._version,
        tensor.is_leaf,
        tensor.requires_grad,
        tensor.grad_fn.name() if tensor.grad_fn is not None else None,
    )


def flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for item in value for t in flat(item)] if isinstance(value, (list, tuple)) else []


class Block(nn.Module):
    def __init__(self, depth, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.rest = nn.Sequential(nn.Tanh(), nn.Linear(width, width))
        self.inner = Block(depth - 1, width) if depth else None

    def forward(self, batch):
        x = batch["x"]
        x = self.rest(self.first(x) + batch["bias"][0])
        if batch["fails"] == id(self):
            raise ValueError("as asked")
        if self.inner is not None:
            return self.inner({"x": x, "bias": batch["bias"], "fails": batch["fails"]})
        return {"x": x, "more": [x * 2, (x.detach(), "text")]}


def blocks_of(model):
    return [module for module in model.modules() if isinstance(module, Block)]


def compare(calls):
    """Each field of each input and output, in the order of the calls."""
    random.seed(7)
    model = Block(2, 6)
    names = {module: name or "Block" for name, module in model.named_modules()}
    seen = []
    references = []

    def before(module, inputs):
        tensors = flat(inputs)
        for i in range(len(tensors)):
            references.append(sys.getrefcount(tensors[i]) - 2)
            seen.append(("input", names[module], *facts(tensors[i])))

    def after(module, inputs, output):
        tensors = flat(output)
        for i in range(len(tensors)):
            references.append(sys.getrefcount(tensors[i]) - 2)
            seen.append(("output", names[module], *facts(tensors[i])))

    handles = []
    for module in model.modules():
        handles.append(module.register_forward_pre_hook(before))
        handles.append(module.register_forward_hook(after))
    hook = memwhy.MemoryTraceHook(model, capacity=1 << 20).install()
    made = 0
    failures = 0
    blocks = blocks_of(model)
    while made < calls:
        fails = id(random.choice(blocks)) if random.random() < 0.2 else 0
        grad = random.random() < 0.7
        with torch.set_grad_enabled(grad):
            x = torch.rand(random.randint(1, 5), 6, requires_grad=grad and random.random() < 0.5)
            if random.random() < 0.3:
                x.data.mul_(2)
            try:
                model({"x": x, "bias": (torch.rand(6),), "fails": fails})
            except ValueError:
                failures += 1
        made += 1
        assert hook._stack() == [] or not hook._always, "the stack is balanced"
    hook.remove()
    for handle in handles:
        handle.remove()
    recorded = [event for event in hook.events() if event["event"] in NAMES]
    assert len(recorded) == len(seen), (len(recorded), len(seen))
    for event, truth, count in zip(recorded, seen, references):
        found = (event["event"], event["module"], *(event[name] for name in FIELDS))
        assert found == truth, (found, truth)
        key = "refs_before" if event["event"] == "input" else "refs_after"
        assert event[key] == count, (event, count)
    times = [event["time"] for event in hook.events()]
    assert times == sorted(times) and times[0] >= 0
    assert hook.lost == 0
    return {"compared": len(seen), "failures": failures}


def kept_references():
    """An input that the module keeps has one reference more when it returns."""

    class Keeps(nn.Module):
        def forward(self, x):
            self.kept = x
            return x * 2

    class Plain(nn.Module):
        def forward(self, x):
            return x * 2

    found = {}
    for module in Keeps(), Plain():
        x = torch.rand(3)
        with memwhy.MemoryTraceHook(module) as hook:
            module(x)
            module(x)
        inputs = [event for event in hook.events() if event["event"] == "input"]
        found[type(module).__name__] = [e["refs_after"] - e["refs_before"] for e in inputs]
    assert found["Keeps"][0] == found["Plain"][0] + 1, found
    assert found["Keeps"][1] == found["Plain"][1], found
    return found


def life():
    """Births and deaths of storages; what a module keeps is in the summary."""

    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.history = []

        def forward(self, x):
            result = x * 2
            self.history.append(result)
            return result

    if not HAS_ENDS:
        return None
    module = Keeps()
    with torch.no_grad(), memwhy.MemoryTraceHook(module) as hook:
        for _ in range(5):
            module(torch.rand(1000))
        kept = {row["module"]: row for row in hook.summary()}
        assert kept["Keeps"]["calls"] == 5
        assert kept["Keeps"]["kept_bytes"] == 5 * 4000, kept
        module.history.clear()
        gc.collect()
        assert hook.summary()[0]["kept_bytes"] == 0, hook.summary()
    names = [event["event"] for event in hook.events()]
    assert names.count("birth") == names.count("death") == 10
    return names.count("death")


def gradients():
    model = nn.Linear(4, 3)
    if not hasattr(model.weight, "register_post_accumulate_grad_hook"):
        return None
    with memwhy.MemoryTraceHook(model) as hook:
        model(torch.rand(2, 4)).sum().backward()
    found = {e["module"]: e["shape"] for e in hook.events() if e["event"] == "gradient"}
    assert found == {"weight": (3, 4), "bias": (3,)}
    assert not model.weight._post_accumulate_grad_hooks
    return sorted(found)


def overflow():
    model = nn.Linear(4, 3)
    with torch.no_grad(), memwhy.MemoryTraceHook(model, capacity=10) as hook:
        for _ in range(20):
            model(torch.rand(2, 4))
    assert len(hook.events()) == 10
    assert hook.lost > 20
    times = [event["time"] for event in hook.events()]
    assert times == sorted(times)
    return hook.lost


def threads():
    """Modules called by several threads, without a model: each thread has its own nesting."""
    model = Block(2, 6)
    errors = []

    def run():
        try:
            for _ in range(50):
                model({"x": torch.rand(2, 6), "bias": (torch.rand(6),), "fails": 0})
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    with torch.no_grad(), memwhy.MemoryTraceHook() as hook:
        workers = [threading.Thread(target=run) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert not errors, errors
    calls = {row["module"]: row["calls"] for row in hook.summary()}
    assert calls["Block"] == 200
    assert calls["Block.inner.inner.rest.1"] == 200, calls
    return calls["Block"]


def reentrance():
    """A module that calls itself, and a hook that is installed twice."""

    class Again(nn.Module):
        def forward(self, x, left=3):
            return self(x * 2, left - 1) if left else x

    module = Again()
    hook = memwhy.MemoryTraceHook(module)
    with torch.no_grad(), hook:
        assert hook.install() is hook
        module(torch.rand(2))
    hook.remove()
    names = [e["event"] for e in hook.events() if e["event"] in NAMES]
    assert names == ["input"] * 4 + ["output"] * 4, names
    return len(names)


def compiled():
    if not hasattr(torch, "compile"):
        return None
    model = Block(0, 6)
    batch = {"x": torch.rand(2, 6), "bias": (torch.rand(6),), "fails": 0}
    with torch.no_grad(), memwhy.MemoryTraceHook() as hook:
        fast = torch.compile(model, backend="eager")
        fast(batch)
        fast(batch)
    modules = {e["module"] for e in hook.events()}
    assert hook.compiled == 2
    assert modules == {"OptimizedModule"}, modules
    assert not torch._dynamo.utils.counters["graph_break"]
    return hook.compiled


if __name__ == "__main__":
    torch.manual_seed(7)
    checks = [kept_references, life, gradients, overflow, threads, reentrance, compiled]
    said = {check.__name__: check() for check in checks}
    said["compare"] = compare(int(sys.argv[1]))
    print(json.dumps({"torch": torch.__version__, **said}))
