// SPDX-License-Identifier: Apache-2.0
//
// Extension module `nest`: takes blocks and notes, for each, the true nest of Python and C functions
// at that moment. Each C function puts its own name on a list while it runs, together with how many
// Python frames lie further out; the Python frames are the interpreter's own, by its public calls.
//
//   call(f, *args)    C that calls Python        twice(f)    C that calls C that calls Python
//   take()            takes a block              raw(n)      n blocks in a thread without Python
//   notes()           {"py main|c nest_call|...": [blocks, bytes]}
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <frameobject.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if PY_VERSION_HEX < 0x03090000
static PyFrameObject* Own(PyFrameObject* frame) {
  Py_XINCREF(frame);
  return frame;
}
#define PyThreadState_GetFrame(state) Own((state)->frame)
#define PyFrame_GetBack(frame) Own((frame)->f_back)
static PyCodeObject* PyFrame_GetCode(PyFrameObject* frame) {
  Py_INCREF(frame->f_code);
  return frame->f_code;
}
#endif

enum { kMaxNest = 512, kMaxPython = 512, kMaxText = 32768 };

static __thread struct {
  const char* name;
  int depth;
} t_nest[kMaxNest];
static __thread int t_count;
static PyObject* g_notes;
static unsigned g_seed = 1;

// Names of the Python frames, innermost first.
static int PythonFrames(const char** names) {
  int count = 0;
  PyFrameObject* frame = PyThreadState_GetFrame(PyThreadState_Get());
  while (frame != NULL && count < kMaxPython) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    names[count++] = PyUnicode_AsUTF8(code->co_name);
    Py_DECREF(code);
    PyFrameObject* back = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = back;
  }
  Py_XDECREF(frame);
  return count;
}

static void Enter(const char* name) {
  const char* names[kMaxPython];
  if (t_count == kMaxNest) Py_FatalError("nest: too deep");
  t_nest[t_count].name = name;
  t_nest[t_count++].depth = PythonFrames(names);
}

static void Note(const char* leaf, size_t bytes) {
  static char text[kMaxText];
  const char* names[kMaxPython];
  const int count = PythonFrames(names);
  int length = 0;
  int next = 0;
  for (int i = 0; i <= count; ++i) {
    for (; next < t_count && t_nest[next].depth == i; ++next) {
      length += snprintf(text + length, kMaxText - length, "c %s|", t_nest[next].name);
    }
    if (i < count) {
      length += snprintf(text + length, kMaxText - length, "py %s|", names[count - 1 - i]);
    }
  }
  snprintf(text + length, kMaxText - length, "c %s", leaf);
  PyObject* sum = PyDict_GetItemString(g_notes, text);
  const long blocks = sum == NULL ? 0 : PyLong_AsLong(PyList_GetItem(sum, 0));
  const long all = sum == NULL ? 0 : PyLong_AsLong(PyList_GetItem(sum, 1));
  PyObject* now = Py_BuildValue("[ll]", blocks + 1, all + (long)bytes);
  PyDict_SetItemString(g_notes, text, now);
  Py_DECREF(now);
}

static size_t RandomBytes(void) {
  g_seed = g_seed * 1103515245u + 12345u;
  return 70000 + (g_seed >> 16) % 5000;
}

__attribute__((noinline, noipa)) static void* nest_block(size_t bytes) {
  void* block = malloc(bytes);
  if (block != NULL) ((volatile char*)block)[0] = 1;
  return block;
}

__attribute__((noinline, noipa)) static PyObject* nest_take(PyObject* self, PyObject* unused) {
  (void)self, (void)unused;
  const size_t bytes = RandomBytes();
  void* block = nest_block(bytes);
  t_nest[t_count].name = "nest_take";
  const char* names[kMaxPython];
  t_nest[t_count++].depth = PythonFrames(names);
  Note("nest_block", bytes);
  --t_count;
  free(block);
  Py_RETURN_NONE;
}

__attribute__((noinline, noipa)) static PyObject* nest_inner(PyObject* function, PyObject* arguments) {
  Enter("nest_inner");
  PyObject* result = PyObject_CallObject(function, arguments);
  --t_count;
  return result;
}

__attribute__((noinline, noipa)) static PyObject* nest_call(PyObject* self, PyObject* arguments) {
  (void)self;
  Enter("nest_call");
  PyObject* rest = PyTuple_GetSlice(arguments, 1, PyTuple_Size(arguments));
  PyObject* result = PyObject_CallObject(PyTuple_GetItem(arguments, 0), rest);
  Py_DECREF(rest);
  --t_count;
  return result;
}

__attribute__((noinline, noipa)) static PyObject* nest_twice(PyObject* self, PyObject* function) {
  (void)self;
  Enter("nest_twice");
  PyObject* first = nest_inner(function, NULL);
  Py_XDECREF(first);
  PyObject* second = first == NULL ? NULL : nest_inner(function, NULL);
  --t_count;
  return second;
}

static size_t g_raw_bytes;
static long g_raw_blocks;

__attribute__((noinline, noipa)) static void* nest_thread(void* count) {
  for (long i = 0; i < (long)count; ++i) {
    const size_t bytes = RandomBytes();
    free(nest_block(bytes));
    g_raw_bytes += bytes;
    ++g_raw_blocks;
  }
  return NULL;
}

static PyObject* nest_raw(PyObject* self, PyObject* count) {
  (void)self;
  pthread_t thread;
  g_raw_bytes = 0;
  g_raw_blocks = 0;
  if (pthread_create(&thread, NULL, &nest_thread, (void*)PyLong_AsLong(count)) != 0) {
    return PyErr_SetFromErrno(PyExc_OSError);
  }
  pthread_join(thread, NULL);
  PyObject* now = Py_BuildValue("[ll]", g_raw_blocks, (long)g_raw_bytes);
  PyDict_SetItemString(g_notes, "c nest_thread|c nest_block", now);
  Py_DECREF(now);
  Py_RETURN_NONE;
}

static PyObject* nest_notes(PyObject* self, PyObject* unused) {
  (void)self, (void)unused;
  Py_INCREF(g_notes);
  return g_notes;
}

static PyMethodDef kMethods[] = {{"take", nest_take, METH_NOARGS, NULL},
                                 {"call", nest_call, METH_VARARGS, NULL},
                                 {"twice", nest_twice, METH_O, NULL},
                                 {"raw", nest_raw, METH_O, NULL},
                                 {"notes", nest_notes, METH_NOARGS, NULL},
                                 {NULL, NULL, 0, NULL}};
static struct PyModuleDef kModule = {PyModuleDef_HEAD_INIT, "nest", NULL, -1, kMethods,
                                     NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_nest(void) {
  g_notes = PyDict_New();
  return PyModule_Create(&kModule);
}
