/* SPDX-License-Identifier: Apache-2.0 */
#include "pool_object.h"

#include <stdlib.h>
#include <string.h>

static PyObject* error_maker;

void set_error_maker_of_pools(PyObject* maker) {
  Py_XINCREF(maker);
  Py_XDECREF(error_maker);
  error_maker = maker;
}

PyObject* raise_status(int32_t status) {
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

PyObject* none_or_error(int32_t status) {
  if (status != 0) return raise_status(status);
  Py_RETURN_NONE;
}

Scratch take_scratch(Pool* self) {
  Scratch taken = self->spare;
  memset(&self->spare, 0, sizeof self->spare);
  return taken;
}

void give_scratch(Pool* self, Scratch* scratch) {
  if (scratch->size < self->spare.size) {
    free(scratch->bytes);
  } else {
    free(self->spare.bytes);
    self->spare = *scratch;
  }
  memset(scratch, 0, sizeof *scratch);
}

void* scratch_room(Scratch* scratch, size_t bytes) {
  if (bytes > scratch->size) {
    void* grown = realloc(scratch->bytes, bytes * 2);
    if (grown == NULL) return PyErr_NoMemory();
    scratch->bytes = grown;
    scratch->size = bytes * 2;
  }
  return scratch->bytes;
}

PyObject* int_of(Pool* self, int32_t block) {
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

PyObject* list_of(Pool* self, const int32_t* blocks, size_t count) {
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
