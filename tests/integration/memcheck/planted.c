/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes with memory, one a function; a comment PLANT:name marks the line of each. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>

__attribute__((noinline)) static void grab(size_t size) {
  volatile char *block = malloc(size); /* PLANT:lose */
  block[0] = 1;
}

static PyObject *lose(PyObject *self, PyObject *size) {
  grab(PyLong_AsSize_t(size));
  Py_RETURN_NONE;
}

static PyObject *lose_object(PyObject *self, PyObject *size) {
  PyBytes_FromStringAndSize(NULL, PyLong_AsSsize_t(size)); /* PLANT:lose_object */
  Py_RETURN_NONE;
}

static PyObject *after_free(PyObject *self, PyObject *none) {
  volatile char *block = malloc(32);
  block[3] = 7;
  free((void *)block);
  return PyLong_FromLong(block[3]); /* PLANT:after_free */
}

static PyObject *beyond(PyObject *self, PyObject *none) {
  volatile char *block = malloc(32);
  block[32] = 7; /* PLANT:beyond */
  free((void *)block);
  Py_RETURN_NONE;
}

static PyObject *unset(PyObject *self, PyObject *none) {
  volatile int *block = malloc(32);
  volatile int more = 0;
  if (block[2] > 3) more = 1; /* PLANT:unset */
  free((void *)block);
  return PyLong_FromLong(more - more);
}

/* Nothing wrong here. */
static PyObject *fine(PyObject *self, PyObject *function) {
  volatile char *block = malloc(64);
  PyObject *result;
  block[0] = 1;
  result = PyObject_CallNoArgs(function);
  free((void *)block);
  return result;
}

static PyMethodDef methods[] = {
    {"lose", lose, METH_O, NULL},         {"lose_object", lose_object, METH_O, NULL},
    {"after_free", after_free, METH_NOARGS, NULL}, {"beyond", beyond, METH_NOARGS, NULL},
    {"unset", unset, METH_NOARGS, NULL},  {"fine", fine, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "planted", NULL, -1, methods,
                                    NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_planted(void) { return PyModule_Create(&module); }
