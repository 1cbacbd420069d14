/* SPDX-License-Identifier: Apache-2.0
 *
 * The Python face of src/govern/abi/memwhy_govern.h: the class Pool, on which memwhy.govern builds.
 * Only the stable ABI of CPython 3.8 is used, so one file serves every later version. The GIL is
 * held over all calls: they are shorter than giving it away. It also guards a pool's scratch space;
 * nothing that could run Python code happens between its filling and its use (items must be int or
 * bytes, whose conversion runs none).
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x03080000
#include <Python.h>
#include <stdlib.h>
#include <string.h>

#include "govern/abi/memwhy_govern.h"

/* In the stable ABI since 3.10, and in every version since 3.7. */
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080
#endif

typedef struct {
  PyObject_HEAD memwhy_pool* pool;
  PyObject* tenants; /* dict: name or Tenant -> int */
  PyObject** ints;   /* the int of each block, made once */
  size_t ints_room;
  void* scratch;
  size_t scratch_bytes;
} Pool;

static PyObject* error_maker; /* called with a status, returns an exception */

static PyObject* raise_status(int32_t status) {
  PyObject* error = NULL;
  if (error_maker != NULL) error = PyObject_CallFunction(error_maker, "i", (int)status);
  if (error != NULL) {
    PyErr_SetObject((PyObject*)Py_TYPE(error), error);
    Py_DECREF(error);
  } else if (!PyErr_Occurred()) {
    PyErr_SetString(PyExc_RuntimeError, memwhy_govern_status_name(status));
  }
  return NULL;
}

static PyObject* none_or_error(int32_t status) {
  if (status != 0) return raise_status(status);
  Py_RETURN_NONE;
}

static void* scratch_of(Pool* self, size_t bytes) {
  if (bytes > self->scratch_bytes) {
    void* grown = realloc(self->scratch, bytes * 2);
    if (grown == NULL) return PyErr_NoMemory();
    self->scratch = grown;
    self->scratch_bytes = bytes * 2;
  }
  return self->scratch;
}

/* A new reference to the int `block` >= 0. */
static PyObject* int_of(Pool* self, int32_t block) {
  size_t at = (size_t)block;
  if (at >= self->ints_room) {
    size_t room = at + 1 > self->ints_room * 2 ? at + 1024 : self->ints_room * 2;
    PyObject** grown = realloc(self->ints, room * sizeof(PyObject*));
    if (grown == NULL) return PyErr_NoMemory();
    memset(grown + self->ints_room, 0, (room - self->ints_room) * sizeof(PyObject*));
    self->ints = grown;
    self->ints_room = room;
  }
  PyObject* number = self->ints[at];
  if (number == NULL) {
    number = PyLong_FromLong(block);
    if (number == NULL) return NULL;
    self->ints[at] = number;
  }
  Py_INCREF(number);
  return number;
}

static PyObject* list_of(Pool* self, const int32_t* blocks, size_t count) {
  PyObject* list = PyList_New((Py_ssize_t)count);
  if (list == NULL) return NULL;
  for (size_t i = 0; i < count; ++i) {
    PyObject* number = int_of(self, blocks[i]);
    if (number == NULL || PyList_SetItem(list, (Py_ssize_t)i, number) != 0) {
      Py_DECREF(list);
      return NULL;
    }
  }
  return list;
}

/* None: 0. An int: itself. Else a name or Tenant that was added. -1: an exception is set. */
static int64_t tenant_of(Pool* self, PyObject* given) {
  if (given == NULL || given == Py_None) return 0;
  if (!PyLong_Check(given)) {
    if (self->tenants == NULL) {
      raise_status(18);
      return -1;
    }
    given = PyDict_GetItemWithError(self->tenants, given);
    if (given == NULL) {
      if (!PyErr_Occurred()) raise_status(11);
      return -1;
    }
  }
  long number = PyLong_AsLong(given);
  if (number == -1 && PyErr_Occurred()) PyErr_Clear();
  if (number < 0 || number > 65535) {
    raise_status(11);
    return -1;
  }
  return number;
}

/* Positional and named arguments into values[], which holds the defaults. 0 or -1. */
static int arguments(const char* function, PyObject* const* args, Py_ssize_t given,
                     PyObject* kwnames, const char* const* names, int most, int least,
                     PyObject** values) {
  if (given > most) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments", function, most);
    return -1;
  }
  for (Py_ssize_t i = 0; i < given; ++i) values[i] = args[i];
  Py_ssize_t named = kwnames == NULL ? 0 : PyTuple_Size(kwnames);
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GetItem(kwnames, i);
    int at = 0;
    while (at < most && PyUnicode_CompareWithASCIIString(name, names[at]) != 0) ++at;
    if (at == most || at < given) {
      PyErr_Format(PyExc_TypeError, "%s() got an unexpected or repeated argument %R", function,
                   name);
      return -1;
    }
    values[at] = args[given + i];
  }
  for (int i = 0; i < least; ++i) {
    if (values[i] == NULL) {
      PyErr_Format(PyExc_TypeError, "%s() misses the argument '%s'", function, names[i]);
      return -1;
    }
  }
  return 0;
}

/* A list or tuple of the given object, new reference. */
static PyObject* fast_sequence(PyObject* given) {
  return PySequence_Fast(given, "a sequence is needed");
}

static PyObject* item_of(PyObject* fast, Py_ssize_t i) {
  return PyList_Check(fast) ? PyList_GetItem(fast, i) : PyTuple_GetItem(fast, i);
}

/* The blocks of a sequence of int or of packed int32, in scratch space after `before` bytes. Count, or -1. A number
   that is no block number becomes -1, which every operation refuses as foreign. */
static Py_ssize_t blocks_of(Pool* self, PyObject* given, size_t before, int32_t** blocks) {
  if (PyBytes_Check(given)) {
    Py_ssize_t size = PyBytes_Size(given);
    if (size % 4 != 0) {
      PyErr_SetString(PyExc_ValueError, "packed blocks have 4 bytes each");
      return -1;
    }
    char* packed = scratch_of(self, before + (size_t)size + 1);
    if (packed == NULL) return -1;
    memcpy(packed + before, PyBytes_AsString(given), (size_t)size);
    *blocks = (int32_t*)(packed + before);
    return size / 4;
  }
  PyObject* fast = fast_sequence(given);
  if (fast == NULL) return -1;
  Py_ssize_t count = PyList_Check(fast) ? PyList_Size(fast) : PyTuple_Size(fast);
  char* room = scratch_of(self, before + (size_t)count * sizeof(int32_t) + 1);
  if (room == NULL) {
    Py_DECREF(fast);
    return -1;
  }
  *blocks = (int32_t*)(room + before);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = item_of(fast, i);
    if (item == NULL || !PyLong_Check(item)) {
      PyErr_SetString(PyExc_TypeError, "blocks are ints");
      Py_DECREF(fast);
      return -1;
    }
    int overflow = 0;
    long number = PyLong_AsLongAndOverflow(item, &overflow);
    (*blocks)[i] = overflow != 0 || number < 0 || number > INT32_MAX ? -1 : (int32_t)number;
  }
  Py_DECREF(fast);
  return count;
}

/* One hash: 16 bytes as they are; of more the first 16, as SHA-256 may be cut; an int by its low
   64 bits. Hashes of one pool are made in one way. 0 or -1. */
static int hash_of(PyObject* item, memwhy_hash* hash) {
  if (PyBytes_Check(item)) {
    const char* bytes = PyBytes_AsString(item);
    size_t size = (size_t)PyBytes_Size(item);
    if (size < 8) {
      PyErr_SetString(PyExc_ValueError, "a hash of bytes has at least 8 bytes");
      return -1;
    }
    unsigned char folded[16] = {0};
    if (size == 16) {
      memcpy(folded, bytes, 16);
    } else {
      memcpy(folded, bytes, size < 16 ? size : 16);
      folded[15] ^= (unsigned char)size;
    }
    memcpy(hash, folded, 16);
    return 0;
  }
  if (PyLong_Check(item)) {
    hash->low = PyLong_AsUnsignedLongLongMask(item);
    hash->high = 0;
    return PyErr_Occurred() ? -1 : 0;
  }
  PyErr_SetString(PyExc_TypeError, "a hash is bytes or int");
  return -1;
}

/* A sequence of hashes, or one bytes object of 16 bytes each; in scratch space. Count, or -1. */
static Py_ssize_t hashes_of(Pool* self, PyObject* given, size_t more, memwhy_hash** hashes) {
  if (PyBytes_Check(given)) {
    Py_ssize_t size = PyBytes_Size(given);
    if (size % 16 != 0) {
      PyErr_SetString(PyExc_ValueError, "joined hashes have 16 bytes each");
      return -1;
    }
    *hashes = scratch_of(self, (size_t)size + (size_t)(size / 16) * more + 1);
    if (*hashes == NULL) return -1;
    memcpy(*hashes, PyBytes_AsString(given), (size_t)size);
    return size / 16;
  }
  PyObject* fast = fast_sequence(given);
  if (fast == NULL) return -1;
  Py_ssize_t count = PyList_Check(fast) ? PyList_Size(fast) : PyTuple_Size(fast);
  *hashes = scratch_of(self, (size_t)count * (sizeof(memwhy_hash) + more) + 1);
  for (Py_ssize_t i = 0; *hashes != NULL && i < count; ++i) {
    PyObject* item = item_of(fast, i);
    if (item == NULL || hash_of(item, *hashes + i) != 0) {
      Py_DECREF(fast);
      return -1;
    }
  }
  Py_DECREF(fast);
  return *hashes == NULL ? -1 : count;
}

static PyObject* alloc_as(Pool* self, PyObject* const* args, Py_ssize_t given, PyObject* kwnames,
                          int is_packed) {
  static const char* const names[] = {"n", "tenant", "reservation"};
  PyObject* values[3] = {NULL, NULL, NULL};
  if (arguments(is_packed ? "alloc_packed" : "alloc", args, given, kwnames, names, 3, 1, values) != 0) return NULL;
  Py_ssize_t count = PyLong_AsSsize_t(values[0]);
  if (count == -1 && PyErr_Occurred()) return NULL;
  if (count < 0) return raise_status(18);
  if (count > (1 << 30)) return raise_status(1);
  int64_t tenant = tenant_of(self, values[1]);
  if (tenant < 0) return NULL;
  unsigned long long reservation = 0;
  if (values[2] != NULL && values[2] != Py_None) {
    reservation = PyLong_AsUnsignedLongLong(values[2]);
    if (PyErr_Occurred()) return NULL;
    if (reservation == 0) return raise_status(12);
  }
  int32_t few[16];
  int32_t* blocks = few;
  if (count > 16) {
    if (count > (1 << 22)) {
      /* So many that room for their numbers is worth a question. */
      int32_t can = memwhy_pool_can_alloc(self->pool, (uint32_t)tenant, (uint64_t)count);
      if (can != 0) return raise_status(can);
    }
    blocks = scratch_of(self, (size_t)count * sizeof(int32_t));
    if (blocks == NULL) return NULL;
  }
  int32_t status =
      memwhy_pool_alloc(self->pool, (uint32_t)tenant, reservation, blocks, (size_t)count);
  if (status != 0) return raise_status(status);
  PyObject* list =
      is_packed ? PyBytes_FromStringAndSize((const char*)blocks, count * (Py_ssize_t)sizeof *blocks)
                : list_of(self, blocks, (size_t)count);
  if (list == NULL) {
    /* The blocks may lie in scratch space, which list_of does not touch. */
    memwhy_pool_free(self->pool, blocks, (size_t)count);
  }
  return list;
}

static PyObject* pool_alloc(Pool* self, PyObject* const* args, Py_ssize_t given,
                            PyObject* kwnames) {
  return alloc_as(self, args, given, kwnames, 0);
}

static PyObject* pool_alloc_packed(Pool* self, PyObject* const* args, Py_ssize_t given,
                                   PyObject* kwnames) {
  return alloc_as(self, args, given, kwnames, 1);
}

typedef int32_t (*BlocksCall)(memwhy_pool*, const int32_t*, size_t);

static PyObject* on_blocks(Pool* self, PyObject* given, BlocksCall call) {
  int32_t* blocks = NULL;
  Py_ssize_t count = blocks_of(self, given, 0, &blocks);
  if (count < 0) return NULL;
  return none_or_error(call(self->pool, blocks, (size_t)count));
}

static PyObject* pool_free(Pool* self, PyObject* given) {
  return on_blocks(self, given, memwhy_pool_free);
}
static PyObject* pool_touch(Pool* self, PyObject* given) {
  return on_blocks(self, given, memwhy_pool_touch);
}

static PyObject* pool_fork(Pool* self, PyObject* given) {
  int32_t* blocks = NULL;
  Py_ssize_t count = blocks_of(self, given, 0, &blocks);
  if (count < 0) return NULL;
  int32_t status = memwhy_pool_fork(self->pool, blocks, (size_t)count);
  if (status != 0) return raise_status(status);
  return list_of(self, blocks, (size_t)count);
}

static PyObject* pool_cache(Pool* self, PyObject* const* args, Py_ssize_t given,
                            PyObject* kwnames) {
  static const char* const names[] = {"blocks", "hashes", "tenant"};
  PyObject* values[3] = {NULL, NULL, NULL};
  if (arguments("cache", args, given, kwnames, names, 3, 2, values) != 0) return NULL;
  int64_t tenant = tenant_of(self, values[2]);
  if (tenant < 0) return NULL;
  memwhy_hash* hashes = NULL;
  Py_ssize_t count = hashes_of(self, values[1], sizeof(int32_t), &hashes);
  if (count < 0) return NULL;
  int32_t* blocks = NULL;
  Py_ssize_t named = blocks_of(self, values[0], (size_t)count * sizeof(memwhy_hash), &blocks);
  if (named < 0) return NULL;
  if (named != count) return raise_status(18);
  size_t added = 0;
  /* The scratch space may have moved; the hashes are its beginning. */
  int32_t status = memwhy_pool_cache(self->pool, (uint32_t)tenant, blocks,
                                     (const memwhy_hash*)self->scratch, (size_t)count, &added);
  if (status != 0) return raise_status(status);
  return PyLong_FromSize_t(added);
}

static PyObject* pool_match_prefix(Pool* self, PyObject* const* args, Py_ssize_t given,
                                   PyObject* kwnames) {
  static const char* const names[] = {"hashes", "tenant", "hold"};
  PyObject* values[3] = {NULL, NULL, NULL};
  if (arguments("match_prefix", args, given, kwnames, names, 3, 1, values) != 0) return NULL;
  int64_t tenant = tenant_of(self, values[1]);
  if (tenant < 0) return NULL;
  int hold = values[2] == NULL ? 0 : PyObject_IsTrue(values[2]);
  if (hold < 0) return NULL;
  memwhy_hash* hashes = NULL;
  Py_ssize_t count = hashes_of(self, values[0], sizeof(int32_t), &hashes);
  if (count < 0) return NULL;
  int32_t* blocks = (int32_t*)(hashes + count);
  size_t found = 0;
  int32_t status = memwhy_pool_match_prefix(self->pool, (uint32_t)tenant, hashes, (size_t)count,
                                            hold, blocks, &found);
  if (status != 0) return raise_status(status);
  return list_of(self, blocks, found);
}

static PyObject* pool_can_alloc(Pool* self, PyObject* const* args, Py_ssize_t given,
                                PyObject* kwnames) {
  static const char* const names[] = {"n", "tenant"};
  PyObject* values[2] = {NULL, NULL};
  if (arguments("can_alloc", args, given, kwnames, names, 2, 1, values) != 0) return NULL;
  unsigned long long count = PyLong_AsUnsignedLongLong(values[0]);
  if (PyErr_Occurred()) return NULL;
  int64_t tenant = tenant_of(self, values[1]);
  if (tenant < 0) return NULL;
  return PyBool_FromLong(memwhy_pool_can_alloc(self->pool, (uint32_t)tenant, count) == 0);
}

static PyObject* pool_hash_tokens(Pool* self, PyObject* const* args, Py_ssize_t given,
                                  PyObject* kwnames) {
  static const char* const names[] = {"tokens", "previous", "tenant"};
  PyObject* values[3] = {NULL, NULL, NULL};
  if (arguments("hash_tokens", args, given, kwnames, names, 3, 1, values) != 0) return NULL;
  int64_t tenant = tenant_of(self, values[2]);
  if (tenant < 0) return NULL;
  memwhy_hash previous;
  const memwhy_hash* chain = NULL;
  if (values[1] != NULL && values[1] != Py_None) {
    if (hash_of(values[1], &previous) != 0) return NULL;
    chain = &previous;
  }
  int32_t* tokens = NULL;
  Py_ssize_t count = blocks_of(self, values[0], 0, &tokens);
  if (count < 0) return NULL;
  memwhy_hash hash;
  int32_t status = memwhy_pool_hash_tokens(self->pool, (uint32_t)tenant, chain,
                                           (const uint32_t*)tokens, (size_t)count, &hash);
  if (status != 0) return raise_status(status);
  return PyBytes_FromStringAndSize((const char*)&hash, 16);
}

static int32_t one_block(PyObject* given) {
  int overflow = 0;
  long number = PyLong_AsLongAndOverflow(given, &overflow);
  return overflow != 0 || number < 0 || number > INT32_MAX ? -1 : (int32_t)number;
}

static PyObject* pool_write(Pool* self, PyObject* given) {
  int32_t writable = -1;
  int32_t block = one_block(given);
  if (PyErr_Occurred()) return NULL;
  int32_t status = memwhy_pool_write(self->pool, block, &writable);
  return status != 0 ? raise_status(status) : int_of(self, writable);
}

static PyObject* pool_address(Pool* self, PyObject* given) {
  void* address = NULL;
  int32_t block = one_block(given);
  if (PyErr_Occurred()) return NULL;
  int32_t status = memwhy_pool_address(self->pool, block, &address);
  return status != 0 ? raise_status(status) : PyLong_FromVoidPtr(address);
}

static PyObject* pool_references(Pool* self, PyObject* given) {
  uint32_t references = 0;
  int32_t block = one_block(given);
  if (PyErr_Occurred()) return NULL;
  int32_t status = memwhy_pool_references(self->pool, block, &references);
  return status != 0 ? raise_status(status) : PyLong_FromUnsignedLong(references);
}

static PyObject* pool_take_copies(Pool* self, PyObject* unused) {
  (void)unused;
  PyObject* list = PyList_New(0);
  memwhy_block_copy copies[64];
  size_t count = 0;
  while (list != NULL && (count = memwhy_pool_take_copies(self->pool, copies, 64)) != 0) {
    for (size_t i = 0; i < count; ++i) {
      PyObject* pair = Py_BuildValue("(ii)", (int)copies[i].from, (int)copies[i].to);
      if (pair == NULL || PyList_Append(list, pair) != 0) {
        Py_XDECREF(pair);
        Py_DECREF(list);
        return NULL;
      }
      Py_DECREF(pair);
    }
  }
  return list;
}

static PyObject* pool_take_events(Pool* self, PyObject* unused) {
  (void)unused;
  PyObject* list = PyList_New(0);
  memwhy_pool_event events[64];
  size_t count = 0;
  while (list != NULL && (count = memwhy_pool_take_events(self->pool, events, 64)) != 0) {
    for (size_t i = 0; i < count; ++i) {
      const memwhy_pool_event* event = &events[i];
      PyObject* entry = Py_BuildValue("(iiIy#KK)", (int)event->kind, (int)event->block,
                                      (unsigned int)event->tenant, (const char*)&event->hash,
                                      (Py_ssize_t)16, (unsigned long long)event->value,
                                      (unsigned long long)event->time_ns);
      if (entry == NULL || PyList_Append(list, entry) != 0) {
        Py_XDECREF(entry);
        Py_DECREF(list);
        return NULL;
      }
      Py_DECREF(entry);
    }
  }
  return list;
}

static PyObject* pool_set_priority(Pool* self, PyObject* args) {
  PyObject* given = NULL;
  int priority = 0;
  if (!PyArg_ParseTuple(args, "Oi", &given, &priority)) return NULL;
  int32_t* blocks = NULL;
  Py_ssize_t count = blocks_of(self, given, 0, &blocks);
  if (count < 0) return NULL;
  return none_or_error(memwhy_pool_set_priority(self->pool, blocks, (size_t)count, priority));
}

static PyObject* pool_reset_prefixes(Pool* self, PyObject* unused) {
  (void)unused;
  return PyLong_FromSize_t(memwhy_pool_reset_prefixes(self->pool));
}

static PyObject* pool_reserve(Pool* self, PyObject* const* args, Py_ssize_t given,
                              PyObject* kwnames) {
  static const char* const names[] = {"n", "tenant"};
  PyObject* values[2] = {NULL, NULL};
  if (arguments("reserve", args, given, kwnames, names, 2, 1, values) != 0) return NULL;
  unsigned long long count = PyLong_AsUnsignedLongLong(values[0]);
  if (PyErr_Occurred()) return NULL;
  int64_t tenant = tenant_of(self, values[1]);
  if (tenant < 0) return NULL;
  uint64_t reservation = 0;
  int32_t status = memwhy_pool_reserve(self->pool, (uint32_t)tenant, count, &reservation);
  return status != 0 ? raise_status(status) : PyLong_FromUnsignedLongLong(reservation);
}

static PyObject* pool_cancel(Pool* self, PyObject* given) {
  unsigned long long reservation = PyLong_AsUnsignedLongLong(given);
  if (PyErr_Occurred()) return NULL;
  return none_or_error(memwhy_pool_cancel(self->pool, reservation));
}

static PyObject* pool_begin_request(Pool* self, PyObject* given) {
  int64_t tenant = tenant_of(self, given);
  if (tenant < 0) return NULL;
  return none_or_error(memwhy_pool_begin_request(self->pool, (uint32_t)tenant));
}

static PyObject* pool_end_request(Pool* self, PyObject* given) {
  int64_t tenant = tenant_of(self, given);
  if (tenant < 0) return NULL;
  return none_or_error(memwhy_pool_end_request(self->pool, (uint32_t)tenant));
}

static PyObject* pool_resize(Pool* self, PyObject* given) {
  unsigned long long blocks = PyLong_AsUnsignedLongLong(given);
  if (PyErr_Occurred()) return NULL;
  return none_or_error(memwhy_pool_resize(self->pool, blocks));
}

static PyObject* pool_set_tenant(Pool* self, PyObject* args) {
  PyObject* keys = NULL;
  memwhy_tenant_limits limits;
  memset(&limits, 0, sizeof limits);
  limits.size = sizeof limits;
  unsigned long long quota = 0;
  unsigned long long borrow = 0;
  unsigned long long requests = 0;
  int lends = 0;
  if (!PyArg_ParseTuple(args, "O!sKKKddp", &PyTuple_Type, &keys, &limits.name, &quota, &borrow,
                        &requests, &limits.soft_mark, &limits.hard_mark, &lends)) {
    return NULL;
  }
  limits.quota_blocks = quota;
  limits.borrow_blocks = borrow;
  limits.max_requests = requests;
  limits.lends = lends;
  uint32_t tenant = 0;
  int32_t status = memwhy_pool_find_tenant(self->pool, limits.name, &tenant);
  status = status == 0 && tenant != 0 ? memwhy_pool_change_tenant(self->pool, tenant, &limits)
                                      : memwhy_pool_add_tenant(self->pool, &limits, &tenant);
  if (status != 0) return raise_status(status);
  PyObject* number = PyLong_FromUnsignedLong(tenant);
  for (Py_ssize_t i = 0; number != NULL && i < PyTuple_Size(keys); ++i) {
    if (PyDict_SetItem(self->tenants, PyTuple_GetItem(keys, i), number) != 0) {
      Py_DECREF(number);
      return NULL;
    }
  }
  return number;
}

static PyObject* pool_verify(Pool* self, PyObject* unused) {
  (void)unused;
  const char* what = "";
  int32_t status = memwhy_pool_verify(self->pool, &what);
  if (status == 0) Py_RETURN_NONE;
  PyErr_Format(PyExc_RuntimeError, "the pool is corrupt: %s", what);
  return NULL;
}

static PyObject* pool_publish(Pool* self, PyObject* given) {
  PyObject* path = NULL;
  if (!PyUnicode_FSConverter(given, &path)) return NULL;
  int32_t status = memwhy_pool_publish(self->pool, PyBytes_AsString(path));
  Py_DECREF(path);
  return none_or_error(status);
}

static PyObject* pool_to_json(Pool* self, PyObject* unused) {
  (void)unused;
  size_t needed = 0;
  if (memwhy_pool_json(self->pool, NULL, 0, &needed) != 0) return raise_status(19);
  /* Another thread may add tenants meanwhile. */
  size_t room = needed + 4096;
  char* text = malloc(room);
  if (text == NULL) return PyErr_NoMemory();
  int32_t status = memwhy_pool_json(self->pool, text, room, &needed);
  PyObject* json = status == 0 && needed <= room ? PyUnicode_FromString(text) : raise_status(19);
  free(text);
  return json;
}

static int pool_init(Pool* self, PyObject* args, PyObject* kwargs) {
  (void)kwargs;
  memwhy_pool_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  unsigned long long blocks = 0;
  unsigned long long most = 0;
  unsigned long long bytes = 0;
  unsigned long long events = 0;
  unsigned long long base = 0;
  unsigned long long salt[2] = {0, 0};
  if (!PyArg_ParseTuple(args, "KKKiKKKK", &blocks, &most, &bytes, &options.slab, &base, &events,
                        &salt[0], &salt[1])) {
    return -1;
  }
  if (self->pool != NULL) {
    PyErr_SetString(PyExc_RuntimeError, "the pool exists");
    return -1;
  }
  options.blocks = blocks;
  options.max_blocks = most;
  options.block_bytes = bytes;
  options.external_base = (void*)(uintptr_t)base;
  options.events = events;
  options.salt[0] = salt[0];
  options.salt[1] = salt[1];
  if (self->tenants == NULL) self->tenants = PyDict_New();
  if (self->tenants == NULL) return -1;
  PyObject* zero = PyLong_FromLong(0);
  int failed = zero == NULL || PyDict_SetItemString(self->tenants, "default", zero) != 0;
  Py_XDECREF(zero);
  if (failed) return -1;
  int32_t status = memwhy_pool_create(&options, &self->pool);
  if (status == 0) return 0;
  raise_status(status);
  return -1;
}

static void pool_dealloc(Pool* self) {
  PyTypeObject* type = Py_TYPE(self);
  memwhy_pool_destroy(self->pool);
  for (size_t i = 0; i < self->ints_room; ++i) Py_XDECREF(self->ints[i]);
  free(self->ints);
  free(self->scratch);
  Py_XDECREF(self->tenants);
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(self);
  Py_DECREF(type);
}

#define FAST(name) \
  {#name, (PyCFunction)(void (*)(void))pool_##name, METH_FASTCALL | METH_KEYWORDS, NULL}
#define ONE(name) {#name, (PyCFunction)(void (*)(void))pool_##name, METH_O, NULL}
#define BARE(name) {#name, (PyCFunction)(void (*)(void))pool_##name, METH_NOARGS, NULL}
#define MANY(name) {#name, (PyCFunction)(void (*)(void))pool_##name, METH_VARARGS, NULL}

static PyMethodDef pool_methods[] = {
    FAST(alloc_packed),
    FAST(alloc),        FAST(cache),         FAST(match_prefix), FAST(can_alloc),
    FAST(hash_tokens),  FAST(reserve),       ONE(free),          ONE(touch),
    ONE(fork),          ONE(write),          ONE(address),       ONE(references),
    ONE(cancel),        ONE(begin_request),  ONE(end_request),   ONE(resize),
    ONE(publish),       BARE(take_copies),   BARE(take_events),  BARE(reset_prefixes),
    BARE(verify),       BARE(to_json),       MANY(set_priority), MANY(set_tenant),
    {NULL, NULL, 0, NULL},
};

static PyType_Slot pool_slots[] = {
    {Py_tp_init, (void*)pool_init},
    {Py_tp_dealloc, (void*)pool_dealloc},
    {Py_tp_methods, pool_methods},
    {0, NULL},
};

static PyType_Spec pool_spec = {
    "_memwhy_govern.Pool", sizeof(Pool), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, pool_slots,
};

static PyObject* set_error_maker(PyObject* module, PyObject* maker) {
  (void)module;
  Py_INCREF(maker);
  Py_XDECREF(error_maker);
  error_maker = maker;
  Py_RETURN_NONE;
}

static PyObject* status_words(PyObject* module, PyObject* given) {
  (void)module;
  int32_t status = (int32_t)PyLong_AsLong(given);
  if (PyErr_Occurred()) return NULL;
  return Py_BuildValue("(ss)", memwhy_govern_status_name(status),
                       memwhy_govern_status_text(status));
}

static PyMethodDef module_methods[] = {
    {"set_error_maker", set_error_maker, METH_O, NULL},
    {"status_words", status_words, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "_memwhy_govern", NULL, -1, module_methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__memwhy_govern(void) {
  PyObject* module = PyModule_Create(&module_definition);
  if (module == NULL) return NULL;
  PyObject* type = PyType_FromSpec(&pool_spec);
  if (type == NULL || PyModule_AddObject(module, "Pool", type) != 0) {
    Py_XDECREF(type);
    Py_DECREF(module);
    return NULL;
  }
  PyModule_AddIntConstant(module, "ABI_VERSION", (long)memwhy_govern_abi_version());
  return module;
}
