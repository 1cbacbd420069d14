// SPDX-License-Identifier: Apache-2.0
// Takes references in the ways of extensions, right and wrong ones.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>

#define SLOTS 4096
PyObject* references_kept[SLOTS];  // shown, or the compiler would leave it out
static int static_count;

struct node {
  PyObject* object;
  struct node* next;
};
static struct node* list;

// One reference too many, and nothing that remembers it.
static PyObject* leak(PyObject* self, PyObject* object) {
  (void)self;
  Py_INCREF(object);
  Py_RETURN_NONE;
}

// Legal: a static array holds it.
static PyObject* keep_static(PyObject* self, PyObject* object) {
  (void)self;
  if (static_count == SLOTS) return PyErr_Format(PyExc_OverflowError, "full");
  Py_INCREF(object);
  references_kept[static_count++] = object;
  Py_RETURN_NONE;
}

// Legal: a list in malloc's memory holds it.
static PyObject* keep_malloc(PyObject* self, PyObject* object) {
  (void)self;
  struct node* node = malloc(sizeof(*node));
  if (node == NULL) return PyErr_NoMemory();
  Py_INCREF(object);
  node->object = object;
  node->next = list;
  list = node;
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"leak", leak, METH_O, ""},
                                {"keep_static", keep_static, METH_O, ""},
                                {"keep_malloc", keep_malloc, METH_O, ""},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "references", "", -1, methods, 0, 0, 0, 0};

PyMODINIT_FUNC PyInit_references(void) { return PyModule_Create(&module); }
