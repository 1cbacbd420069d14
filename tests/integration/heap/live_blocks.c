// SPDX-License-Identifier: Apache-2.0
// Which blocks of Python's allocators live: a truth of which the agent knows nothing. Imported first
// of all, it sees every block that comes and goes after that.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>

enum state { kUnknown = 0, kLive = 1, kDead = 2, kYoung = 3 };
#define SLOTS (1u << 21)  // a power of two

// `place` is the block's address shifted, with its state below: nothing that looks like a pointer.
static struct {
  uintptr_t place;
  unsigned bytes;
  unsigned birth;
} table[SLOTS];
static unsigned births;
static unsigned marked = UINT_MAX;
static PyMemAllocatorEx originals[2];
static int is_stopped;

static size_t find(uintptr_t block) {
  size_t at = (size_t)((block >> 4) * 0x9e3779b97f4a7c15ull >> 40) & (SLOTS - 1);
  while (table[at].place != 0 && table[at].place >> 8 != block) {
    at = (at + 1) & (SLOTS - 1);
  }
  return at;
}

static void note(void* block, enum state state, size_t bytes) {
  if (block == NULL || is_stopped) return;
  const size_t at = find((uintptr_t)block);
  table[at].place = (uintptr_t)block << 8 | state;
  if (state == kLive) {
    table[at].bytes = bytes < UINT_MAX ? (unsigned)bytes : UINT_MAX;
    table[at].birth = ++births;
  }
}

static void* on_malloc(void* context, size_t size) {
  PyMemAllocatorEx* original = context;
  void* block = original->malloc(original->ctx, size);
  note(block, kLive, size);
  return block;
}

static void* on_calloc(void* context, size_t count, size_t size) {
  PyMemAllocatorEx* original = context;
  void* block = original->calloc(original->ctx, count, size);
  note(block, kLive, count * size);
  return block;
}

static void* on_realloc(void* context, void* before, size_t size) {
  PyMemAllocatorEx* original = context;
  void* block = original->realloc(original->ctx, before, size);
  if (block == NULL) return NULL;
  if (block != before) note(before, kDead, 0);
  note(block, kLive, size);
  return block;
}

static void on_free(void* context, void* block) {
  PyMemAllocatorEx* original = context;
  note(block, kDead, 0);
  original->free(original->ctx, block);
}

// Of each address: 1 when an object there lies in a block that lives, 2 when its block was given
// back, 3 when the block that lives there was born after mark(), so that what was there before has
// died; 0 when the block is older than this module or is none.
static PyObject* states(PyObject* self, PyObject* addresses) {
  (void)self;
  const Py_ssize_t count = PyList_Size(addresses);
  if (count < 0) return NULL;
  PyObject* answer = PyList_New(count);
  for (Py_ssize_t i = 0; answer != NULL && i < count; ++i) {
    const uintptr_t address = PyLong_AsSize_t(PyList_GetItem(addresses, i));
    enum state found = kUnknown;
    // Before an object stand the collector's head, attributes and weak references.
    for (uintptr_t before = 0; before <= 32; before += 16) {
      const size_t at = find(address - before);
      const enum state state = table[at].place & 15;
      if (state == kUnknown || table[at].bytes <= before) continue;
      found = state == kLive && table[at].birth > marked ? kYoung : state;
      if (state == kLive) break;
    }
    PyList_SetItem(answer, i, PyLong_FromLong(found));
  }
  return answer;
}

// What is born from now on is young.
static PyObject* mark(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  marked = births;
  Py_RETURN_NONE;
}

// Waits for input and makes no object while it does; what comes and goes from then on is not noted.
static PyObject* wait_for_input(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  struct pollfd input = {0, POLLIN, 0};
  is_stopped = 1;
  Py_BEGIN_ALLOW_THREADS;
  while (poll(&input, 1, -1) < 0 && errno == EINTR) {  // a dump wakes the thread
  }
  Py_END_ALLOW_THREADS;
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"states", states, METH_O, ""},
                                {"mark", mark, METH_NOARGS, ""},
                                {"wait_for_input", wait_for_input, METH_NOARGS, ""},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "live_blocks", "", -1, methods, 0, 0, 0, 0};

PyMODINIT_FUNC PyInit_live_blocks(void) {
  const PyMemAllocatorDomain domains[] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
  for (int i = 0; i < 2; ++i) {
    PyMem_GetAllocator(domains[i], &originals[i]);
    PyMemAllocatorEx own = {&originals[i], on_malloc, on_calloc, on_realloc, on_free};
    PyMem_SetAllocator(domains[i], &own);
  }
  return PyModule_Create(&module);
}
