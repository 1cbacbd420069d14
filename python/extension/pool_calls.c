/* SPDX-License-Identifier: Apache-2.0
 *
 * The methods of a pool: read the arguments, call the C interface, make the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "pool_arguments.h"
#include "pool_object.h"

/* A list of the blocks, or their bytes; NULL: an exception is set. */
static PyObject* answer_of(Pool* self, const int32_t* blocks, size_t count, int is_packed) {
  if (!is_packed) return list_of(self, blocks, count);
  return PyBytes_FromStringAndSize((const char*)blocks, (Py_ssize_t)(count * sizeof *blocks));
}

/* `room` is for `count` blocks. */
static PyObject* alloc_into(Pool* self, int64_t tenant, uint64_t reservation, int32_t* room,
                            size_t count, int is_packed) {
  int32_t status = memwhy_pool_alloc(self->pool, (uint32_t)tenant, reservation, room, count);
  if (status != 0) return raise_status(status);
  PyObject* answer = answer_of(self, room, count, is_packed);
  if (answer == NULL) memwhy_pool_free(self->pool, room, count);
  return answer;
}

static PyObject* alloc_as(Pool* self, PyObject* const* args, Py_ssize_t given, PyObject* kwnames,
                          int is_packed) {
  static const char* const names[] = {"n", "tenant", "reservation"};
  PyObject* values[3] = {NULL, NULL, NULL};
  const char* function = is_packed ? "alloc_packed" : "alloc";
  if (read_arguments(function, args, given, kwnames, names, 3, 1, values) != 0) return NULL;
  Py_ssize_t count = PyLong_AsSsize_t(values[0]);
  if (count == -1 && PyErr_Occurred()) return NULL;
  if (count < 0) return raise_status(kBadArgument);
  if (count > (1 << 30)) return raise_status(kPoolExhausted);
  int64_t tenant = tenant_of(self, values[1]);
  if (tenant < 0) return NULL;
  unsigned long long reservation = 0;
  if (values[2] != NULL && values[2] != Py_None) {
    reservation = PyLong_AsUnsignedLongLong(values[2]);
    if (PyErr_Occurred()) return NULL;
    if (reservation == 0) return raise_status(kUnknownReservation);
  }
  int32_t few[16];
  if (count <= 16) {
    return alloc_into(self, tenant, reservation, few, (size_t)count, is_packed);
  }
  if (count > (1 << 22)) {
    /* So many that room for their numbers is worth a question. */
    int32_t can = memwhy_pool_can_alloc(self->pool, (uint32_t)tenant, (uint64_t)count);
    if (can != 0) return raise_status(can);
  }
  Scratch scratch = take_scratch(self);
  int32_t* room = scratch_room(&scratch, (size_t)count * sizeof(int32_t));
  PyObject* answer =
      room == NULL ? NULL : alloc_into(self, tenant, reservation, room, (size_t)count, is_packed);
  give_scratch(self, &scratch);
  return answer;
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
  PyObject* fast = as_fast(given);
  if (fast == NULL) return NULL;
  Scratch scratch = take_scratch(self);
  int32_t* blocks = NULL;
  Py_ssize_t count = read_blocks(&scratch, fast, 0, &blocks);
  PyObject* answer = count < 0 ? NULL : none_or_error(call(self->pool, blocks, (size_t)count));
  give_scratch(self, &scratch);
  Py_DECREF(fast);
  return answer;
}

static PyObject* pool_free(Pool* self, PyObject* given) {
  return on_blocks(self, given, memwhy_pool_free);
}
static PyObject* pool_touch(Pool* self, PyObject* given) {
  return on_blocks(self, given, memwhy_pool_touch);
}

static PyObject* pool_fork(Pool* self, PyObject* given) {
  PyObject* fast = as_fast(given);
  if (fast == NULL) return NULL;
  Scratch scratch = take_scratch(self);
  int32_t* blocks = NULL;
  PyObject* answer = NULL;
  Py_ssize_t count = read_blocks(&scratch, fast, 0, &blocks);
  if (count >= 0) {
    int32_t status = memwhy_pool_fork(self->pool, blocks, (size_t)count);
    answer = status != 0 ? raise_status(status) : list_of(self, blocks, (size_t)count);
    if (status == 0 && answer == NULL) memwhy_pool_free(self->pool, blocks, (size_t)count);
  }
  give_scratch(self, &scratch);
  Py_DECREF(fast);
  return answer;
}

static PyObject* cache_fast(Pool* self, int64_t tenant, PyObject* blocks_given,
                            PyObject* hashes_given, Scratch* scratch) {
  memwhy_hash* hashes = NULL;
  Py_ssize_t count = read_hashes(scratch, hashes_given, sizeof(int32_t), &hashes);
  if (count < 0) return NULL;
  int32_t* blocks = NULL;
  Py_ssize_t named =
      read_blocks(scratch, blocks_given, (size_t)count * sizeof(memwhy_hash), &blocks);
  if (named < 0) return NULL;
  if (named != count) return raise_status(kBadArgument);
  size_t added = 0;
  /* The scratch space may have moved; the hashes are its beginning. */
  int32_t status = memwhy_pool_cache(self->pool, (uint32_t)tenant, blocks,
                                     (const memwhy_hash*)scratch->bytes, (size_t)count, &added);
  return status != 0 ? raise_status(status) : PyLong_FromSize_t(added);
}

static PyObject* pool_cache(Pool* self, PyObject* const* args, Py_ssize_t given,
                            PyObject* kwnames) {
  static const char* const names[] = {"blocks", "hashes", "tenant"};
  PyObject* values[3] = {NULL, NULL, NULL};
  if (read_arguments("cache", args, given, kwnames, names, 3, 2, values) != 0) return NULL;
  int64_t tenant = tenant_of(self, values[2]);
  if (tenant < 0) return NULL;
  PyObject* blocks = as_fast(values[0]);
  PyObject* hashes = blocks == NULL ? NULL : as_fast(values[1]);
  PyObject* answer = NULL;
  if (hashes != NULL) {
    Scratch scratch = take_scratch(self);
    answer = cache_fast(self, tenant, blocks, hashes, &scratch);
    give_scratch(self, &scratch);
  }
  Py_XDECREF(hashes);
  Py_XDECREF(blocks);
  return answer;
}

static PyObject* match_fast(Pool* self, int64_t tenant, PyObject* given, int hold,
                            Scratch* scratch) {
  memwhy_hash* hashes = NULL;
  Py_ssize_t count = read_hashes(scratch, given, sizeof(int32_t), &hashes);
  if (count < 0) return NULL;
  int32_t* blocks = (int32_t*)(hashes + count);
  size_t found = 0;
  int32_t status = memwhy_pool_match_prefix(self->pool, (uint32_t)tenant, hashes, (size_t)count,
                                            hold, blocks, &found);
  if (status != 0) return raise_status(status);
  PyObject* list = list_of(self, blocks, found);
  if (list == NULL && hold) memwhy_pool_free(self->pool, blocks, found);
  return list;
}

static PyObject* pool_match_prefix(Pool* self, PyObject* const* args, Py_ssize_t given,
                                   PyObject* kwnames) {
  static const char* const names[] = {"hashes", "tenant", "hold"};
  PyObject* values[3] = {NULL, NULL, NULL};
  if (read_arguments("match_prefix", args, given, kwnames, names, 3, 1, values) != 0) return NULL;
  int64_t tenant = tenant_of(self, values[1]);
  if (tenant < 0) return NULL;
  int hold = values[2] == NULL ? 0 : PyObject_IsTrue(values[2]);
  if (hold < 0) return NULL;
  PyObject* fast = as_fast(values[0]);
  if (fast == NULL) return NULL;
  Scratch scratch = take_scratch(self);
  PyObject* answer = match_fast(self, tenant, fast, hold, &scratch);
  give_scratch(self, &scratch);
  Py_DECREF(fast);
  return answer;
}

static PyObject* pool_can_alloc(Pool* self, PyObject* const* args, Py_ssize_t given,
                                PyObject* kwnames) {
  static const char* const names[] = {"n", "tenant"};
  PyObject* values[2] = {NULL, NULL};
  if (read_arguments("can_alloc", args, given, kwnames, names, 2, 1, values) != 0) return NULL;
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
  if (read_arguments("hash_tokens", args, given, kwnames, names, 3, 1, values) != 0) return NULL;
  int64_t tenant = tenant_of(self, values[2]);
  if (tenant < 0) return NULL;
  memwhy_hash previous;
  const memwhy_hash* chain = NULL;
  if (values[1] != NULL && values[1] != Py_None) {
    if (read_hash(values[1], &previous) != 0) return NULL;
    chain = &previous;
  }
  PyObject* fast = as_fast(values[0]);
  if (fast == NULL) return NULL;
  Scratch scratch = take_scratch(self);
  int32_t* tokens = NULL;
  memwhy_hash hash;
  PyObject* answer = NULL;
  Py_ssize_t count = read_blocks(&scratch, fast, 0, &tokens);
  if (count >= 0) {
    int32_t status = memwhy_pool_hash_tokens(self->pool, (uint32_t)tenant, chain,
                                             (const uint32_t*)tokens, (size_t)count, &hash);
    answer = status != 0 ? raise_status(status)
                         : PyBytes_FromStringAndSize((const char*)&hash, sizeof hash);
  }
  give_scratch(self, &scratch);
  Py_DECREF(fast);
  return answer;
}

static PyObject* pool_write(Pool* self, PyObject* given) {
  int32_t writable = -1;
  int32_t block = read_block(given);
  if (PyErr_Occurred()) return NULL;
  int32_t status = memwhy_pool_write(self->pool, block, &writable);
  return status != 0 ? raise_status(status) : int_of(self, writable);
}

static PyObject* pool_address(Pool* self, PyObject* given) {
  void* address = NULL;
  int32_t block = read_block(given);
  if (PyErr_Occurred()) return NULL;
  int32_t status = memwhy_pool_address(self->pool, block, &address);
  return status != 0 ? raise_status(status) : PyLong_FromVoidPtr(address);
}

static PyObject* pool_references(Pool* self, PyObject* given) {
  uint32_t references = 0;
  int32_t block = read_block(given);
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
      PyObject* entry =
          Py_BuildValue("(iiIy#KK)", (int)event->kind, (int)event->block,
                        (unsigned int)event->tenant, (const char*)&event->hash, (Py_ssize_t)16,
                        (unsigned long long)event->value, (unsigned long long)event->time_ns);
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
  PyObject* fast = as_fast(given);
  if (fast == NULL) return NULL;
  Scratch scratch = take_scratch(self);
  int32_t* blocks = NULL;
  Py_ssize_t count = read_blocks(&scratch, fast, 0, &blocks);
  PyObject* answer =
      count < 0
          ? NULL
          : none_or_error(memwhy_pool_set_priority(self->pool, blocks, (size_t)count, priority));
  give_scratch(self, &scratch);
  Py_DECREF(fast);
  return answer;
}

static PyObject* pool_reset_prefixes(Pool* self, PyObject* unused) {
  (void)unused;
  return PyLong_FromSize_t(memwhy_pool_reset_prefixes(self->pool));
}

static PyObject* pool_reserve(Pool* self, PyObject* const* args, Py_ssize_t given,
                              PyObject* kwnames) {
  static const char* const names[] = {"n", "tenant"};
  PyObject* values[2] = {NULL, NULL};
  if (read_arguments("reserve", args, given, kwnames, names, 2, 1, values) != 0) return NULL;
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
  if (memwhy_pool_json(self->pool, NULL, 0, &needed) != 0) return raise_status(kOutOfMemory);
  /* Another thread may add tenants meanwhile. */
  size_t room = needed + 4096;
  char* text = malloc(room);
  if (text == NULL) return PyErr_NoMemory();
  int32_t status = memwhy_pool_json(self->pool, text, room, &needed);
  PyObject* json =
      status == 0 && needed <= room ? PyUnicode_FromString(text) : raise_status(kOutOfMemory);
  free(text);
  return json;
}

#define FAST(name) \
  {#name, (PyCFunction)(void (*)(void))pool_##name, METH_FASTCALL | METH_KEYWORDS, NULL}
#define ONE(name) {#name, (PyCFunction)(void (*)(void))pool_##name, METH_O, NULL}
#define BARE(name) {#name, (PyCFunction)(void (*)(void))pool_##name, METH_NOARGS, NULL}
#define MANY(name) {#name, (PyCFunction)(void (*)(void))pool_##name, METH_VARARGS, NULL}

PyMethodDef memwhy_pool_methods[] = {
    FAST(alloc_packed),   FAST(alloc),
    FAST(cache),          FAST(match_prefix),
    FAST(can_alloc),      FAST(hash_tokens),
    FAST(reserve),        ONE(free),
    ONE(touch),           ONE(fork),
    ONE(write),           ONE(address),
    ONE(references),      ONE(cancel),
    ONE(begin_request),   ONE(end_request),
    ONE(resize),          ONE(publish),
    BARE(take_copies),    BARE(take_events),
    BARE(reset_prefixes), BARE(verify),
    BARE(to_json),        MANY(set_priority),
    MANY(set_tenant),     {NULL, NULL, 0, NULL},
};
