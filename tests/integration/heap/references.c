// SPDX-License-Identifier: Apache-2.0
// Takes references in the ways of extensions, right and wrong ones.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdlib.h>
#include <structmember.h>

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

// A finalizer of the old kind, as only C code can still have one: its cycles are never freed.
typedef struct {
  PyObject_HEAD
  PyObject* other;
} Old;

static int old_traverse(PyObject* self, visitproc visit, void* arg) {
#if PY_VERSION_HEX >= 0x03090000
  Py_VISIT(Py_TYPE(self));
#endif
  Py_VISIT(((Old*)self)->other);
  return 0;
}

static int old_clear(PyObject* self) {
  Py_CLEAR(((Old*)self)->other);
  return 0;
}

static void old_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  old_clear(self);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

static void old_del(PyObject* self) { (void)self; }

static PyMemberDef old_members[] = {{"other", 6 /* T_OBJECT */, offsetof(Old, other), 0, ""},
                                    {NULL, 0, 0, 0, NULL}};
static PyType_Slot old_slots[] = {{Py_tp_traverse, old_traverse}, {Py_tp_clear, old_clear},
                                  {Py_tp_dealloc, old_dealloc},   {Py_tp_del, old_del},
                                  {Py_tp_members, old_members},   {0, NULL}};
static PyType_Spec old_spec = {"references.Old", sizeof(Old), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, old_slots};

// Holds an object and does not tell the collector: a cycle through it is never freed.
typedef struct {
  PyObject_HEAD
  PyObject* content;
} Box;

static void box_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_CLEAR(((Box*)self)->content);
  PyObject_Free(self);
  Py_DECREF(type);
}

static PyMemberDef box_members[] = {{"content", 6 /* T_OBJECT */, offsetof(Box, content), 0, ""},
                                    {NULL, 0, 0, 0, NULL}};
static PyType_Slot box_slots[] = {
    {Py_tp_dealloc, box_dealloc}, {Py_tp_members, box_members}, {0, NULL}};
static PyType_Spec box_spec = {"references.Box", sizeof(Box), 0, Py_TPFLAGS_DEFAULT, box_slots};

static PyMethodDef methods[] = {{"leak", leak, METH_O, ""},
                                {"keep_static", keep_static, METH_O, ""},
                                {"keep_malloc", keep_malloc, METH_O, ""},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "references", "", -1, methods, 0, 0, 0, 0};

PyMODINIT_FUNC PyInit_references(void) {
  PyObject* self = PyModule_Create(&module);
  PyObject* old = self == NULL ? NULL : PyType_FromSpec(&old_spec);
  if (old == NULL || PyModule_AddObject(self, "Old", old) != 0) return NULL;
  PyObject* box = PyType_FromSpec(&box_spec);
  if (box == NULL || PyModule_AddObject(self, "Box", box) != 0) return NULL;
  return self;
}
