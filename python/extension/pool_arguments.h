/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the arguments of a pool's calls. What fails sets an exception and returns -1.
 *
 * A sequence may be an iterator that runs Python code: it becomes a list or tuple (`as_fast`)
 * before the first number of any argument is read.
 */
#ifndef MEMWHY_POOL_ARGUMENTS_H
#define MEMWHY_POOL_ARGUMENTS_H

#include "pool_object.h"

/* None: 0. An int: itself. Else a name or Tenant that was added. */
int64_t tenant_of(Pool* self, PyObject* given);

/* Positional and named arguments into values[], which holds the defaults; the first `least` are
   needed. 0 or -1. */
int read_arguments(const char* function, PyObject* const* args, Py_ssize_t given, PyObject* kwnames,
                   const char* const* names, int most, int least, PyObject** values);

/* bytes, list or tuple: itself; else a list of its items. A new reference, or NULL. */
PyObject* as_fast(PyObject* given);

/* The blocks of a list or tuple of ints, or of packed int32, in scratch space after `before` bytes.
   Their count, or -1. A number that is no block number becomes -1, which every operation refuses
   as foreign. */
Py_ssize_t read_blocks(Scratch* scratch, PyObject* fast, size_t before, int32_t** blocks);

/* One block; -1 for what is none, with an exception where it is no int. */
int32_t read_block(PyObject* given);

/* One hash: 16 bytes as they are; of more the first 16, as SHA-256 may be cut; an int by its low
   64 bits. Hashes of one pool are made in one way. 0 or -1. */
int read_hash(PyObject* item, memwhy_hash* hash);

/* Hashes of a list or tuple, or one bytes object of 16 bytes each; at the beginning of scratch
   space that has `more` bytes for each behind them. Their count, or -1. */
Py_ssize_t read_hashes(Scratch* scratch, PyObject* fast, size_t more, memwhy_hash** hashes);

#endif /* MEMWHY_POOL_ARGUMENTS_H */
