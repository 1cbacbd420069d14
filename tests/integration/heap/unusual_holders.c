// SPDX-License-Identifier: Apache-2.0
// Holds objects legally where a scan of memory has to look twice. hold(object, way).
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
// Or the compiler would see that nobody reads it.
#define IS_READ(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

static void* map_page(int flags, int fd) {
  void* page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
  return page == MAP_FAILED ? NULL : page;
}

// Memory that forked processes would share.
static int in_shared_memory(PyObject* object) {
  PyObject** page = map_page(MAP_SHARED | MAP_ANONYMOUS, -1);
  if (page != NULL) page[7] = object;
  return page != NULL;
}

static int in_memfd(PyObject* object) {
  const int fd = memfd_create("holders", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, PAGE) != 0) return 0;
  PyObject** page = map_page(MAP_SHARED, fd);
  close(fd);
  if (page != NULL) page[9] = object;
  return page != NULL;
}

// A table that is written once.
static int in_read_only_memory(PyObject* object) {
  PyObject** page = map_page(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (page == NULL) return 0;
  page[11] = object;
  return mprotect(page, PAGE, PROT_READ) == 0;
}

// Objects are aligned, so the low bits of a pointer can say something.
static int as_tagged_pointer(PyObject* object) {
  uintptr_t* block = malloc(sizeof(*block));
  if (block != NULL) *block = (uintptr_t)object | 1;
  IS_READ(block);
  return block != NULL;
}

static __thread PyObject* of_this_thread;

struct start {
  PyObject* object;
  int way;
  pthread_barrier_t barrier;
};

static void* wait_with(void* argument) {
  struct start* start = argument;
  PyObject* volatile on_stack = NULL;
  void** in_arena = NULL;
  switch (start->way) {
    case 0:
      of_this_thread = start->object;
      break;
    case 1:
      on_stack = start->object;
      break;
    case 2:  // of another arena of malloc than the main thread's
      in_arena = malloc(64 * sizeof(void*));
      if (in_arena != NULL) in_arena[32] = start->object;
      break;
    case 3: {  // by a key
      static pthread_key_t key;
      pthread_key_create(&key, NULL);
      pthread_setspecific(key, start->object);
      break;
    }
  }
  start->object = NULL;
  IS_READ(&of_this_thread);
  IS_READ(in_arena);
  pthread_barrier_wait(&start->barrier);
  while (1) pause();
  return on_stack;
}

static int by_thread(PyObject* object, int way) {
  struct start* start = calloc(1, sizeof(*start));
  pthread_t thread;
  if (start == NULL) return 0;
  start->object = object;
  start->way = way;
  pthread_barrier_init(&start->barrier, NULL, 2);
  if (pthread_create(&thread, NULL, wait_with, start) != 0) return 0;
  pthread_detach(thread);
  pthread_barrier_wait(&start->barrier);
  return 1;
}

static PyObject* hold(PyObject* self, PyObject* args) {
  PyObject* object;
  const char* way;
  int is_done = 0;
  (void)self;
  if (!PyArg_ParseTuple(args, "Os", &object, &way)) return NULL;
  if (strcmp(way, "shared") == 0) is_done = in_shared_memory(object);
  if (strcmp(way, "memfd") == 0) is_done = in_memfd(object);
  if (strcmp(way, "read_only") == 0) is_done = in_read_only_memory(object);
  if (strcmp(way, "tagged") == 0) is_done = as_tagged_pointer(object);
  if (strcmp(way, "thread_variable") == 0) is_done = by_thread(object, 0);
  if (strcmp(way, "stack") == 0) is_done = by_thread(object, 1);
  if (strcmp(way, "arena") == 0) is_done = by_thread(object, 2);
  if (strcmp(way, "thread_key") == 0) is_done = by_thread(object, 3);
  if (!is_done) return PyErr_Format(PyExc_ValueError, "cannot hold by %s", way);
  Py_INCREF(object);
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"hold", hold, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "unusual_holders", NULL, -1, methods,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_unusual_holders(void) { return PyModule_Create(&module); }
