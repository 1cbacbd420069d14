# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3
"""A Cython function that frees its buffer on one of its two ways only."""
from libc.stdlib cimport calloc, free


def total(values):
    cdef Py_ssize_t count = len(values)
    cdef double* copy = <double*>calloc(count, sizeof(double))
    cdef Py_ssize_t i
    cdef double sum = 0
    if copy == NULL:
        raise MemoryError
    for i in range(count):
        copy[i] = values[i]  # raises for what is no number: the buffer is lost
    for i in range(count):
        sum += copy[i]
    free(copy)
    return sum
