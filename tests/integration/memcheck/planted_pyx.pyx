# cython: language_level=3
# SPDX-License-Identifier: Apache-2.0
# Mistakes with memory, one a function; a comment PLANT:name marks the line of each.
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport Py_INCREF
from libc.stdlib cimport free, malloc


cdef class Cache:
    cdef char *last

    def lose(self, size_t size):
        self.last = <char *>malloc(size)  # PLANT:lose
        self.last[0] = 1
        self.last = NULL


cdef object made(Py_ssize_t size):
    text = PyBytes_FromStringAndSize(NULL, size)  # PLANT:lose_object
    Py_INCREF(text)
    return None


def lose_object(Py_ssize_t size):
    made(size)


def after_free():
    cdef char *block = <char *>malloc(32)
    cdef int kept
    block[3] = 7
    free(block)
    kept = block[3] + 1  # PLANT:after_free
    return kept


def beyond():
    cdef char *block = <char *>malloc(32)
    block[32] = 7  # PLANT:beyond
    free(block)


def unset():
    cdef int *block = <int *>malloc(32)
    if block[2] > 3:  # PLANT:unset
        free(NULL)
    free(block)


def fine(function):
    return function()
