# SPDX-License-Identifier: Apache-2.0
"""Graphs of autograd, each kept by its result, and a small transformer in training.

Prints what Python says of each graph (a walk over grad_fn, next_functions and what nodes saved) and
of all storages; then one line for each line of input: at "forward", "backward" and "step" the model
does that part of a step and says what storages there are."""

import gc
import json
import os
import sys

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint


def storage_of(tensor):
    if hasattr(tensor, "untyped_storage"):
        return tensor.untyped_storage()
    storage = tensor.storage()
    return getattr(storage, "_storage", storage)


def saved_by(node):
    """The tensors that a node saved for backward; none of those that hooks have packed."""
    found = []
    if "saved_tensors" in dir(node):
        return [tensor for tensor in node.saved_tensors if tensor is not None]
    for name in dir(node):
        if not name.startswith("_saved_"):
            continue
        try:
            value = getattr(node, name)
        except RuntimeError:  # backward has freed it
            continue
        values = value if isinstance(value, (tuple, list)) else [value]
        found.extend(tensor for tensor in values if isinstance(tensor, torch.Tensor))
    return found


def next_nodes(node):
    return [following for following, _ in node.next_functions if following is not None]


def nodes_behind(root):
    seen, order, stack = set(), [], [root]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        order.append(node)
        stack.extend(next_nodes(node))
    return order


def depth_of(root):
    depths = {}
    stack = [root]
    while stack:
        node = stack[-1]
        waiting = [following for following in next_nodes(node) if following not in depths]
        if waiting:
            stack.extend(waiting)
            continue
        depths[node] = 1 + max((depths[following] for following in next_nodes(node)), default=0)
        stack.pop()
    return depths[root]


def walk(result, packed):
    nodes = nodes_behind(result.grad_fn)
    types = {}
    for node in nodes:
        types[node.name()] = types.get(node.name(), 0) + 1
    facts = {"nodes": len(nodes), "depth": depth_of(result.grad_fn), "types": len(types)}
    if not packed:
        saved = [tensor for node in nodes for tensor in saved_by(node)]
        sizes = {storage_of(t).data_ptr(): storage_of(t).nbytes() for t in saved}
        facts.update(tensors=len(saved), bytes=sum(sizes.values()))
    return facts


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x, x * x)
        ctx.note = "cube"
        return x * x * x

    @staticmethod
    def backward(ctx, gradient):
        _, square = ctx.saved_tensors
        return gradient * 3 * square


class Keeper(torch.autograd.Function):
    """Keeps a tensor as an attribute, and its own output."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.kept = torch.rand(1234)
        result = x + y
        ctx.save_for_backward(result)
        return result, x - y

    @staticmethod
    def backward(ctx, first, second):
        return first + second, first - second


def weight(*shape):
    return torch.rand(*shape, requires_grad=True)


def chain(steps):
    x = weight(50)
    total = 0
    for _ in range(steps):
        total = total + (x * torch.rand(50)).sum()
    return total


def inplace_on_view():
    x = weight(6, 7) * 2
    x[1:3].mul_(torch.rand(7))
    x[0].add_(1)
    return x.sum()


def with_hooks():
    x = weight(31)
    y = (x * 2).relu()
    y.register_hook(lambda gradient: gradient * 2)
    y.grad_fn.register_hook(lambda *gradients: None)
    x.register_hook(lambda gradient: gradient)
    return y.sum()


def packed():
    x = weight(40, 40)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(), torch.from_numpy):
        return (x.detach().requires_grad_().sin() @ torch.rand(40, 40)).exp().sum()


def checkpointed(**how):
    layer = torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.Tanh(), torch.nn.Linear(30, 20))
    return checkpoint(layer, weight(4, 20) * 1, **how).sum()


def recurrent():
    cell = torch.nn.LSTM(10, 12, num_layers=2)
    return cell(torch.rand(5, 3, 10))[0].sum()


def build():
    conv = torch.nn.Conv2d(3, 8, 3)
    norm = torch.nn.BatchNorm2d(8)
    attention = torch.nn.MultiheadAttention(16, 4)
    words = torch.nn.Embedding(100, 16)
    graphs = {
        "sum": (weight(10) + weight(10)).sum(),
        "products": (weight(100) * weight(100) / weight(100)).sum(),
        "chain": chain(200),
        "matrix": (weight(30, 40) @ weight(40, 50)).tanh().sum(),
        "convolution": norm(conv(torch.rand(2, 3, 16, 16))).relu().mean(),
        "attention": attention(*[torch.rand(7, 2, 16)] * 3)[0].sum(),
        "embedding": words(torch.arange(50)).sum(),
        "cat": torch.cat([weight(3, i + 1) * 2 for i in range(60)], 1).sum(),
        "stack": torch.stack([weight(9).exp() for _ in range(5)]).prod(),
        "index": (weight(20, 20)[torch.tensor([1, 5]), torch.tensor([2, 6])] ** 2).sum(),
        "where": torch.where(torch.rand(30) > 0.5, weight(30), weight(30) * 3).sum(),
        "in place on a view": inplace_on_view(),
        "custom": Cube.apply(weight(77)).sum(),
        "custom twice": Cube.apply(Cube.apply(weight(33)) + 1).sum(),
        "keeper": sum(Keeper.apply(weight(12), weight(12))).sum(),
        "hooks": with_hooks(),
        "loss": F.cross_entropy(weight(16, 10), torch.arange(16) % 10),
        "layer norm": F.layer_norm(weight(8, 24), (24,), weight(24), weight(24)).sum(),
        "recurrent": recurrent(),
        "leaf shared": (lambda x: (x * x).sum() + (x + 1).prod())(weight(21)),
        "svd": torch.linalg.svdvals(weight(9, 9)).sum(),
        "six dimensions": (weight(2, 3, 2, 2, 3, 2) * weight(2, 3, 2, 2, 3, 2)).sum(),
    }
    both = {
        "packed": packed(),
        "checkpoint": checkpointed(use_reentrant=False),
        "checkpoint, reentrant": checkpointed(use_reentrant=True),
    }
    return graphs, both


class Block(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(width, 4)
        self.first = torch.nn.Linear(width, 4 * width)
        self.second = torch.nn.Linear(4 * width, width)
        self.norm = torch.nn.LayerNorm(width)

    def forward(self, x):
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.norm(x + self.second(F.gelu(self.first(x))))


class Model(torch.nn.Module):
    def __init__(self, width=64, layers=3):
        super().__init__()
        self.words = torch.nn.Embedding(500, width)
        self.blocks = torch.nn.ModuleList([Block(width) for _ in range(layers)])
        self.head = torch.nn.Linear(width, 500)

    def forward(self, tokens):
        x = self.words(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Training:
    def __init__(self):
        self.model = Model()
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.loss = None

    def forward(self):
        tokens = torch.arange(120).view(12, 10)
        self.loss = F.cross_entropy(self.model(tokens).view(-1, 500), tokens.reshape(-1))

    def backward(self):
        self.loss.backward()

    def step(self):
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def all_storages():
    """Of tensors that gc knows, of their gradients, and of what graphs saved: bytes by data_ptr."""
    gc.collect()
    sizes = {}

    def add(tensor):
        if tensor is None or tensor.layout != torch.strided or tensor.device.type != "cpu":
            return
        storage = storage_of(tensor)
        if storage.nbytes() != 0:
            sizes[storage.data_ptr()] = storage.nbytes()

    roots = []
    packed = {node for result in BOTH.values() for node in nodes_behind(result.grad_fn)}
    for value in gc.get_objects():
        if not issubclass(type(value), torch.Tensor):
            continue
        add(value)
        if value.is_leaf:
            add(value.grad)
        if value.grad_fn is not None:
            roots.append(value.grad_fn)
    seen = set()
    for root in roots:
        for node in nodes_behind(root):
            if node in seen:
                continue
            seen.add(node)
            for tensor in [] if node in packed else saved_by(node):
                add(tensor)
            if hasattr(node, "variable"):
                add(node.variable)
    return sizes


def say(**facts):
    print(json.dumps({"pid": os.getpid(), **facts}), flush=True)


def storages():
    sizes = all_storages()
    return {"storages": {hex(address): size for address, size in sizes.items()}}


if __name__ == "__main__":
    torch.manual_seed(7)
    GRAPHS, BOTH = build()
    truth = {name: walk(result, False) for name, result in GRAPHS.items()}
    truth.update({name: walk(result, True) for name, result in BOTH.items()})
    TRAINING = Training()
    gc.collect()
    say(graphs=truth, torch=torch.__version__)
    for line in sys.stdin:
        if line.strip() == "alone":
            GRAPHS.clear()
            BOTH.clear()
        else:
            getattr(TRAINING, line.strip())()
        say(**storages())
