/* SPDX-License-Identifier: Apache-2.0 */
#include "pool_arguments.h"

#include <string.h>

int64_t tenant_of(Pool* self, PyObject* given) {
  if (given == NULL || given == Py_None) return 0;
  if (!PyLong_Check(given)) {
    if (self->tenants == NULL) {
      raise_status(kBadArgument);
      return -1;
    }
    given = PyDict_GetItemWithError(self->tenants, given);
    if (given == NULL) {
      if (!PyErr_Occurred()) raise_status(kUnknownTenant);
      return -1;
    }
  }
  long number = PyLong_AsLong(given);
  if (number == -1 && PyErr_Occurred()) PyErr_Clear();
  if (number < 0 || number > 65535) {
    raise_status(kUnknownTenant);
    return -1;
  }
  return number;
}

int read_arguments(const char* function, PyObject* const* args, Py_ssize_t given, PyObject* kwnames,
                   const char* const* names, int most, int least, PyObject** values) {
  if (given > most) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments", function, most);
    return -1;
  }
  for (Py_ssize_t i = 0; i < given; ++i) values[i] = args[i];
  Py_ssize_t named = kwnames == NULL ? 0 : PyTuple_Size(kwnames);
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GetItem(kwnames, i);
    int at = 0;
    while (at < most && PyUnicode_CompareWithASCIIString(name, names[at]) != 0) ++at;
    if (at == most || at < given) {
      PyErr_Format(PyExc_TypeError, "%s() got an unexpected or repeated argument %R", function,
                   name);
      return -1;
    }
    values[at] = args[given + i];
  }
  for (int i = 0; i < least; ++i) {
    if (values[i] == NULL) {
      PyErr_Format(PyExc_TypeError, "%s() misses the argument '%s'", function, names[i]);
      return -1;
    }
  }
  return 0;
}

PyObject* as_fast(PyObject* given) {
  if (PyBytes_Check(given)) {
    Py_INCREF(given);
    return given;
  }
  return PySequence_Fast(given, "a sequence is needed");
}

static Py_ssize_t size_of(PyObject* fast) {
  return PyList_Check(fast) ? PyList_Size(fast) : PyTuple_Size(fast);
}

static PyObject* item_of(PyObject* fast, Py_ssize_t i) {
  return PyList_Check(fast) ? PyList_GetItem(fast, i) : PyTuple_GetItem(fast, i);
}

Py_ssize_t read_blocks(Scratch* scratch, PyObject* fast, size_t before, int32_t** blocks) {
  if (PyBytes_Check(fast)) {
    Py_ssize_t size = PyBytes_Size(fast);
    if (size % 4 != 0) {
      PyErr_SetString(PyExc_ValueError, "packed blocks have 4 bytes each");
      return -1;
    }
    char* packed = scratch_room(scratch, before + (size_t)size + 1);
    if (packed == NULL) return -1;
    memcpy(packed + before, PyBytes_AsString(fast), (size_t)size);
    *blocks = (int32_t*)(packed + before);
    return size / 4;
  }
  Py_ssize_t count = size_of(fast);
  char* room = scratch_room(scratch, before + (size_t)count * sizeof(int32_t) + 1);
  if (room == NULL) return -1;
  *blocks = (int32_t*)(room + before);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = item_of(fast, i);
    if (item == NULL || !PyLong_Check(item)) {
      PyErr_SetString(PyExc_TypeError, "blocks are ints");
      return -1;
    }
    (*blocks)[i] = read_block(item);
  }
  return count;
}

int32_t read_block(PyObject* given) {
  int overflow = 0;
  long number = PyLong_AsLongAndOverflow(given, &overflow);
  return overflow != 0 || number < 0 || number > INT32_MAX ? -1 : (int32_t)number;
}

int read_hash(PyObject* item, memwhy_hash* hash) {
  if (PyBytes_Check(item)) {
    const char* bytes = PyBytes_AsString(item);
    size_t size = (size_t)PyBytes_Size(item);
    if (size < 8) {
      PyErr_SetString(PyExc_ValueError, "a hash of bytes has at least 8 bytes");
      return -1;
    }
    unsigned char folded[16] = {0};
    if (size == 16) {
      memcpy(folded, bytes, 16);
    } else {
      memcpy(folded, bytes, size < 16 ? size : 16);
      folded[15] ^= (unsigned char)size;
    }
    memcpy(hash, folded, 16);
    return 0;
  }
  if (PyLong_Check(item)) {
    hash->low = PyLong_AsUnsignedLongLongMask(item);
    hash->high = 0;
    return PyErr_Occurred() ? -1 : 0;
  }
  PyErr_SetString(PyExc_TypeError, "a hash is bytes or int");
  return -1;
}

Py_ssize_t read_hashes(Scratch* scratch, PyObject* fast, size_t more, memwhy_hash** hashes) {
  if (PyBytes_Check(fast)) {
    Py_ssize_t size = PyBytes_Size(fast);
    if (size % 16 != 0) {
      PyErr_SetString(PyExc_ValueError, "joined hashes have 16 bytes each");
      return -1;
    }
    *hashes = scratch_room(scratch, (size_t)size + (size_t)(size / 16) * more + 1);
    if (*hashes == NULL) return -1;
    memcpy(*hashes, PyBytes_AsString(fast), (size_t)size);
    return size / 16;
  }
  Py_ssize_t count = size_of(fast);
  *hashes = scratch_room(scratch, (size_t)count * (sizeof(memwhy_hash) + more) + 1);
  if (*hashes == NULL) return -1;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = item_of(fast, i);
    if (item == NULL || read_hash(item, *hashes + i) != 0) return -1;
  }
  return count;
}
