/* SPDX-License-Identifier: Apache-2.0
 *
 * The object behind memwhy.govern's pools, and what its calls share. The GIL is held over all
 * calls: they are shorter than giving it away.
 *
 * Invariant: a call that needs scratch space takes it out of the pool and gives it back at its end.
 * To make a list can start the garbage collector, and so any Python code, which may call the same
 * pool: it then finds no scratch space and makes its own.
 */
#ifndef MEMWHY_POOL_OBJECT_H
#define MEMWHY_POOL_OBJECT_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x03080000
#include <Python.h>

#include "govern/abi/memwhy_govern.h"

/* In the stable ABI since 3.10, and in every version since 3.7. */
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080
#endif

/* Status values of memwhy_govern.h that the module itself raises. */
enum {
  kPoolExhausted = 1,
  kUnknownTenant = 11,
  kUnknownReservation = 12,
  kBadArgument = 18,
  kOutOfMemory = 19,
};

typedef struct {
  void* bytes;
  size_t size;
} Scratch;

typedef struct {
  PyObject_HEAD memwhy_pool* pool;
  PyObject* tenants; /* dict: name or Tenant -> int */
  PyObject** ints;   /* the int of each block, made once */
  size_t ints_room;
  Scratch spare; /* kept from call to call */
} Pool;

extern PyMethodDef memwhy_pool_methods[];

/* Called with a status, returns an exception; a borrowed callable, or NULL. */
void set_error_maker_of_pools(PyObject* maker);

/* Sets the exception of a status; NULL. */
PyObject* raise_status(int32_t status);
PyObject* none_or_error(int32_t status);

Scratch take_scratch(Pool* self);
void give_scratch(Pool* self, Scratch* scratch);
/* At least so many bytes, which keep what they hold; NULL: an exception is set. */
void* scratch_room(Scratch* scratch, size_t bytes);

/* A new reference to the int `block` >= 0. */
PyObject* int_of(Pool* self, int32_t block);
PyObject* list_of(Pool* self, const int32_t* blocks, size_t count);

#endif /* MEMWHY_POOL_OBJECT_H */
