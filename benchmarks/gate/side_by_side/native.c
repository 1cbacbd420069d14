/* SPDX-License-Identifier: Apache-2.0
 * Calls with a planted leak, and one without, written by hand against CPython's C interface. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* malloc without free. */
static PyObject* lose_buffer(PyObject* self, PyObject* unused) {
  char* buffer = malloc(500);
  if (buffer == NULL) return PyErr_NoMemory();
  memset(buffer, 1, 500);
  Py_RETURN_NONE;
}

/* mmap without munmap. */
static PyObject* lose_mapping(PyObject* self, PyObject* unused) {
  void* mapped = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return PyErr_NoMemory();
  memset(mapped, 1, 16384);
  Py_RETURN_NONE;
}

/* A reference too many to a new object. */
static PyObject* lose_reference(PyObject* self, PyObject* unused) {
  PyObject* text = PyUnicode_FromFormat("request %p", (void*)&text);
  if (text == NULL) return NULL;
  Py_INCREF(text);
  return text;
}

static PyObject* use_buffer(PyObject* self, PyObject* unused) {
  char* buffer = malloc(1 << 20);
  if (buffer == NULL) return PyErr_NoMemory();
  memset(buffer, 1, 1 << 20);
  free(buffer);
  return PyUnicode_FromFormat("request %p", (void*)&buffer);
}

static PyMethodDef methods[] = {
    {"lose_buffer", lose_buffer, METH_NOARGS, NULL},
    {"lose_mapping", lose_mapping, METH_NOARGS, NULL},
    {"lose_reference", lose_reference, METH_NOARGS, NULL},
    {"use_buffer", use_buffer, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&definition); }
