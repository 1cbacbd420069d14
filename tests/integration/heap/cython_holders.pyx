# cython: language_level=3
# SPDX-License-Identifier: Apache-2.0
# Extension classes of Cython in every form that holds objects.
cimport cython
from cpython.ref cimport Py_INCREF, PyObject


cdef class Holder:
    cdef public object thing

    def __init__(self, thing):
        self.thing = thing


cdef class Typed:  # no object of these types can be in a cycle, so Cython makes it no part of gc
    cdef public str text
    cdef public bytes data
    cdef long number

    def __init__(self, text, data):
        self.text, self.data = text, data


cdef class Containers:
    cdef list items
    cdef dict table
    cdef set some
    cdef tuple pair

    def __init__(self, items, table, some, pair):
        self.items, self.table, self.some, self.pair = items, table, some, pair


@cython.no_gc
cdef class NoGc:
    cdef object thing
    cdef double number

    def __init__(self, thing):
        self.thing = thing


@cython.no_gc_clear
cdef class NoClear:
    cdef object thing

    def __init__(self, thing):
        self.thing = thing


cdef class Derived(Holder):
    cdef object second
    cdef dict __dict__
    cdef object __weakref__

    def __init__(self, thing, second, named):
        Holder.__init__(self, thing)
        self.second = second
        self.named = named


@cython.freelist(8)
cdef class Recycled:
    cdef object thing

    def __init__(self, thing):
        self.thing = thing


cdef class View:
    cdef const unsigned char[:] view

    def __init__(self, data):
        self.view = data


cdef class Raw:  # a counted reference in a C pointer
    cdef PyObject* thing

    def __init__(self, thing):
        Py_INCREF(thing)
        self.thing = <PyObject*>thing


cdef object module_global = None


def keep_in_global(thing):
    global module_global
    module_global = thing


def produce(first, second):
    cdef object held = first
    yield second
    yield held


def enclose(thing):
    return lambda: thing


async def wait_for(awaitable, thing):
    await awaitable
    return thing


def with_default(default, *, key=None):
    def inner(value=default, other=key):
        return value, other

    return inner


class Plain:  # a class of Python, compiled
    shared = None

    def __init__(self, thing):
        self.thing = thing

    def method(self):
        return self.thing


cpdef lose(thing):  # one reference too many
    Py_INCREF(thing)
