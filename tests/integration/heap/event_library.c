// SPDX-License-Identifier: Apache-2.0
// A binding to a library of events as gevent and uvloop are: a Request has the library's struct in
// its body, the library knows that struct, and the reference to the Request is the library's.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdlib.h>

// The library's.
struct event {
  void* data;
  int kind;
};
static struct event** waiting_events;  // of the loop
static size_t event_count;

typedef struct {
  PyObject_HEAD
  PyObject* result;
  struct event event;
} Request;

static int request_traverse(PyObject* self, visitproc visit, void* arg) {
#if PY_VERSION_HEX >= 0x03090000
  Py_VISIT(Py_TYPE(self));
#endif
  Py_VISIT(((Request*)self)->result);
  return 0;
}

static int request_clear(PyObject* self) {
  Py_CLEAR(((Request*)self)->result);
  return 0;
}

static void request_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  request_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyType_Slot request_slots[] = {
    {Py_tp_traverse, request_traverse},
    {Py_tp_clear, request_clear},
    {Py_tp_dealloc, request_dealloc},
    {0, NULL},
};
static PyType_Spec request_spec = {
    .name = "event_library.Request",
    .basicsize = sizeof(Request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = request_slots,
};
static PyObject* request_type;

// submit(result, knows_object): with `knows_object` the library's struct points back to the object.
static PyObject* submit(PyObject* self, PyObject* args) {
  PyObject* result;
  int knows_object;
  (void)self;
  if (!PyArg_ParseTuple(args, "Op", &result, &knows_object)) return NULL;
  struct event** events = realloc(waiting_events, (event_count + 1) * sizeof(*events));
  if (events == NULL) return PyErr_NoMemory();
  waiting_events = events;
  Request* request = PyObject_GC_New(Request, (PyTypeObject*)request_type);
  if (request == NULL) return NULL;
  Py_INCREF(result);
  request->result = result;
  request->event = (struct event){knows_object ? request : NULL, 1};
  waiting_events[event_count++] = &request->event;
  PyObject_GC_Track(request);
  Py_RETURN_NONE;  // the reference is the library's now
}

static PyMethodDef functions[] = {{"submit", submit, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT,
                                        .m_name = "event_library",
                                        .m_size = -1,
                                        .m_methods = functions};

PyMODINIT_FUNC PyInit_event_library(void) {
  request_type = PyType_FromSpec(&request_spec);
  if (request_type == NULL) return NULL;
  return PyModule_Create(&definition);
}
