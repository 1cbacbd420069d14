# SPDX-License-Identifier: Apache-2.0
"""Tensors of every kind, each kept by one holder, and what torch says of their memory.

Memory of a device needs no device: a DLPack capsule names one, and torch makes a tensor of it
without looking at its memory, which may not be looked at. Without CUDA torch refuses to begin with
it (`torch.cuda._lazy_init`), and nothing else is asked for here."""

import ctypes
import json
import mmap
import os
import sys

import torch
import torch.utils.dlpack

CUDA = 2  # kDLCUDA
ROCM = 10


class Holder:
    def __init__(self, **parts):
        self.__dict__.update(parts)


class Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("index", ctypes.c_int)]


class DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class Lent(ctypes.Structure):  # DLManagedTensor
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", Device),
        ("dimensions", ctypes.c_int),
        ("data_type", DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_uint64),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
    ]


NAME = b"dltensor"
KEPT = []
new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
reserve = ctypes.CDLL(None).mmap
reserve.restype = ctypes.c_void_p
reserve.argtypes = [
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
]


def on_device(count, index=0, kind=CUDA):
    """A tensor of `count` bytes on a device, in addresses that are only reserved."""
    address = reserve(None, count, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    shape = (ctypes.c_int64 * 1)(count)
    strides = (ctypes.c_int64 * 1)(1)
    byte = DataType(1, 8, 1)
    lent = Lent(address, Device(kind, index), 1, byte, shape, strides, 0, None, None)
    KEPT.extend([shape, strides, lent])
    return torch._C._from_dlpack(new_capsule(ctypes.addressof(lent), NAME, None))


def storage_of(tensor):
    if hasattr(tensor, "untyped_storage"):
        return tensor.untyped_storage()
    return tensor.storage()._storage if hasattr(tensor.storage(), "_storage") else tensor.storage()


def bytes_of(*tensors):
    """Of their storages, each once."""
    sizes = {}
    for tensor in tensors:
        storage = storage_of(tensor)
        sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())


if not torch.cuda.is_available():
    torch.cuda._lazy_init = lambda: None


# All of it in functions: what the evaluation stack of a frame that runs had in it last may still
# stand there, and a dump cannot tell.
def build_on_host():
    weights = [torch.rand(50_000 + i) for i in range(4)]
    views = [tensor[1000:].view(-1, 1) for tensor in weights]
    weight = torch.nn.Parameter(torch.rand(30_000))
    trained = torch.nn.Parameter(torch.rand(40_000))
    (trained * 2).sum().backward()
    layers = torch.nn.Sequential(torch.nn.Linear(200, 300), torch.nn.Linear(300, 10))
    return {
        "own": Holder(tensors=weights, views=views, detached=weights[0].detach()),
        "parameter": Holder(weight=weight, alias=weight.data),
        "module": Holder(layers=layers),
        "trained": Holder(weight=trained),
        "sparse": Holder(matrix=torch.eye(2000).to_sparse()),
        "storage": Holder(storage=storage_of(torch.rand(60_000))),
        "shared": Holder(tensor=torch.rand(70_000).share_memory_()),
        "hollow": Holder(tensor=torch.empty(80_000, device="meta"), empty=torch.empty(0)),
    }


def build_on_devices():
    tensor = on_device(3 << 20)
    return {
        "device": Holder(
            tensor=tensor,
            detached=tensor.detach(),
            parameter=torch.nn.Parameter(tensor, requires_grad=False),
        ),
        "second_device": Holder(tensor=on_device(5 << 20, index=1)),
        "other_device": Holder(tensor=on_device(7 << 20, index=2, kind=ROCM)),
        "device_storage": Holder(storage=storage_of(on_device(2 << 20))),
        "mixed": Holder(on_host=torch.rand(20_000), on_device=on_device(1 << 20)),
    }


def build_behind_capsule():
    """A tensor without an object of Python's: what is exported by DLPack."""
    try:
        return torch.utils.dlpack.to_dlpack(on_device(4 << 20))
    except (NotImplementedError, RuntimeError):  # torch 1: wants a kernel of the device's
        return None


def build_lent():
    try:
        import numpy
    except ImportError:
        return {}
    array = numpy.ones(26_000)
    return {
        "lent": Holder(tensor=torch.from_numpy(numpy.ones(25_000)[100:])),
        "borrowed": Holder(
            array=array, tensor=torch.from_numpy(array), view=torch.from_numpy(array[9:])
        ),
    }


def native_bytes(holders):
    trained = holders["trained"].weight
    matrix = holders["sparse"].matrix
    native = dict.fromkeys(holders, 0)
    native["own"] = bytes_of(*holders["own"].tensors)
    native["parameter"] = bytes_of(holders["parameter"].weight)
    native["module"] = bytes_of(*holders["module"].layers.parameters())
    native["trained"] = bytes_of(trained, trained.grad)
    native["sparse"] = bytes_of(matrix._indices(), matrix._values())
    native["storage"] = holders["storage"].storage.nbytes()
    native["shared"] = bytes_of(holders["shared"].tensor)
    native["mixed"] = bytes_of(holders["mixed"].on_host)
    if "lent" in holders:
        native["lent"] = 25_000 * 8
        native["borrowed"] = holders["borrowed"].array.nbytes
    return native


def host_places(holders):
    weights = holders["own"].tensors
    places = {
        "own": [bytes_of(weights[3]), weights[3].data_ptr()],
        "storage": [holders["storage"].storage.nbytes(), holders["storage"].storage.data_ptr()],
        "shared": [bytes_of(holders["shared"].tensor), holders["shared"].tensor.data_ptr()],
    }
    if "borrowed" in holders:
        array = holders["borrowed"].array
        places["borrowed"] = [array.nbytes, array.ctypes.data]
    return places


def device_places(holders):
    return {
        "device": [3 << 20, "cuda:0", holders["device"].tensor.data_ptr()],
        "second_device": [5 << 20, "cuda:1", holders["second_device"].tensor.data_ptr()],
        "other_device": [7 << 20, "hip:2", holders["other_device"].tensor.data_ptr()],
        "device_storage": [2 << 20, "cuda:0", holders["device_storage"].storage.data_ptr()],
        "mixed": [1 << 20, "cuda:0", holders["mixed"].on_device.data_ptr()],
    }


def say(**facts):
    print(json.dumps({"pid": os.getpid(), **facts}), flush=True)


def add():
    HOLDERS["own"].tensors.append(torch.rand(100_000))
    KEPT.append(on_device(1 << 20))


CAPSULE = build_behind_capsule()
HOLDERS = {**build_on_host(), **build_on_devices(), **build_lent()}
say(
    native=native_bytes(HOLDERS),
    places=host_places(HOLDERS),
    device=device_places(HOLDERS),
    capsule=CAPSULE and hex(id(CAPSULE)),
)
for line in sys.stdin:
    if line.strip() == "more":
        add()
    say()
