/* SPDX-License-Identifier: Apache-2.0
 *
 * The Python face of src/govern/abi/memwhy_govern.h: the class Pool, on which memwhy.govern builds.
 * Only the stable ABI of CPython 3.8 is used, so one file serves every later version.
 */
#include <stdlib.h>
#include <string.h>

#include "pool_object.h"

static int pool_init(Pool* self, PyObject* args, PyObject* kwargs) {
  (void)kwargs;
  memwhy_pool_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  unsigned long long blocks = 0;
  unsigned long long most = 0;
  unsigned long long bytes = 0;
  unsigned long long events = 0;
  unsigned long long base = 0;
  unsigned long long salt[2] = {0, 0};
  if (!PyArg_ParseTuple(args, "KKKiKKKK", &blocks, &most, &bytes, &options.slab, &base, &events,
                        &salt[0], &salt[1])) {
    return -1;
  }
  if (self->pool != NULL) {
    PyErr_SetString(PyExc_RuntimeError, "the pool exists");
    return -1;
  }
  options.blocks = blocks;
  options.max_blocks = most;
  options.block_bytes = bytes;
  options.external_base = (void*)(uintptr_t)base;
  options.events = events;
  options.salt[0] = salt[0];
  options.salt[1] = salt[1];
  if (self->tenants == NULL) self->tenants = PyDict_New();
  if (self->tenants == NULL) return -1;
  PyObject* zero = PyLong_FromLong(0);
  int failed = zero == NULL || PyDict_SetItemString(self->tenants, "default", zero) != 0;
  Py_XDECREF(zero);
  if (failed) return -1;
  int32_t status = memwhy_pool_create(&options, &self->pool);
  if (status == 0) return 0;
  raise_status(status);
  return -1;
}

static void pool_dealloc(Pool* self) {
  PyTypeObject* type = Py_TYPE(self);
  memwhy_pool_destroy(self->pool);
  for (size_t i = 0; i < self->ints_room; ++i) Py_XDECREF(self->ints[i]);
  free(self->ints);
  free(self->spare.bytes);
  Py_XDECREF(self->tenants);
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(self);
  Py_DECREF(type);
}

static PyType_Slot pool_slots[] = {
    {Py_tp_init, (void*)pool_init},
    {Py_tp_dealloc, (void*)pool_dealloc},
    {Py_tp_methods, memwhy_pool_methods},
    {0, NULL},
};

static PyType_Spec pool_spec = {
    "_memwhy_govern.Pool", sizeof(Pool), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, pool_slots,
};

static PyObject* set_error_maker(PyObject* module, PyObject* maker) {
  (void)module;
  set_error_maker_of_pools(maker);
  Py_RETURN_NONE;
}

static PyObject* status_words(PyObject* module, PyObject* given) {
  (void)module;
  int32_t status = (int32_t)PyLong_AsLong(given);
  if (PyErr_Occurred()) return NULL;
  return Py_BuildValue("(ss)", memwhy_govern_status_name(status),
                       memwhy_govern_status_text(status));
}

static PyMethodDef module_methods[] = {
    {"set_error_maker", set_error_maker, METH_O, NULL},
    {"status_words", status_words, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "_memwhy_govern", NULL, -1, module_methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__memwhy_govern(void) {
  PyObject* module = PyModule_Create(&module_definition);
  if (module == NULL) return NULL;
  PyObject* type = PyType_FromSpec(&pool_spec);
  if (type == NULL || PyModule_AddObject(module, "Pool", type) != 0) {
    Py_XDECREF(type);
    Py_DECREF(module);
    return NULL;
  }
  PyModule_AddIntConstant(module, "ABI_VERSION", (long)memwhy_govern_abi_version());
  return module;
}
