// SPDX-License-Identifier: Apache-2.0
//
// The functions and types of the target's CPython that we use, looked up by name in the global
// scope (the interpreter's executable or libpython). A null pointer: this version has no such
// symbol. The calls are made only while a request is served, with the GIL held; hooks make none of
// them except current_thread_state, which only reads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/agent.h"

namespace memwhy::agent {

using PyObj = void;  // PyObject: read through cpython/layout.h

struct ArenaAllocator {  // PyObjectArenaAllocator
  void* context;
  void* (*alloc)(void* context, std::size_t size);
  void (*free)(void* context, void* address, std::size_t size);
};

inline constexpr int kDomains = 3;  // PYMEM_DOMAIN_RAW, MEM, OBJ
struct DomainAllocator {            // PyMemAllocatorEx
  void* context;
  void* (*malloc)(void* context, std::size_t size);
  void* (*calloc)(void* context, std::size_t count, std::size_t size);
  void* (*realloc)(void* context, void* block, std::size_t size);
  void (*free)(void* context, void* block);
};

struct PythonApi {
  int (*Py_IsInitialized)();
  void* (*PyThreadState_New)(void* interpreter);
  void (*PyThreadState_Clear)(void*);
  void (*PyThreadState_DeleteCurrent)();
  void (*PyEval_RestoreThread)(void*);
  int (*Py_AddPendingCall)(int (*)(void*), void*);
  PyObj* (*PyImport_GetModuleDict)();
  int (*PyDict_Next)(PyObj*, std::ptrdiff_t*, PyObj**, PyObj**);
  PyObj* (*PyModule_GetDict)(PyObj*);
  void* (*PyInterpreterState_Get)();
  void* (*PyInterpreterState_ThreadHead)(void*);
  void* (*PyThreadState_Next)(void*);
  std::ptrdiff_t (*GetAllocatedBlocks)();
  void (*PyUnstable_GC_VisitObjects)(int (*)(PyObj*, void*), void*);  // 3.12+
  int (*PyGC_IsEnabled)();                                            // 3.10+
  int (*PyGC_Disable)();                                              // was it enabled
  int (*PyGC_Enable)();
  PyObj* (*PyType_GetDict)(PyObj*);  // 3.12+; a new reference
  void (*Py_DecRef)(PyObj*);
  PyObj* (*PyRun_StringFlags)(const char*, int start, PyObj* globals, PyObj* locals, void* flags);
  PyObj* (*PyEval_GetBuiltins)();  // borrowed
  PyObj* (*PyDict_New)();
  int (*PyDict_SetItemString)(PyObj*, const char*, PyObj*);
  PyObj* (*PyDict_GetItemString)(PyObj*, const char*);  // borrowed
  const char* (*PyUnicode_AsUTF8)(PyObj*);
  void (*PyErr_Clear)();
  void (*PyObject_GetArenaAllocator)(ArenaAllocator*);
  void (*PyObject_SetArenaAllocator)(ArenaAllocator*);
  void (*PyMem_GetAllocator)(int domain, DomainAllocator*);
  void (*PyMem_SetAllocator)(int domain, DomainAllocator*);
  const char* (*PyMem_GetCurrentAllocatorName)();  // null: a tool has wrapped it
  // Type objects.
  cpython::Address none_object, dict_type, list_type, tuple_type, set_type, frozenset_type,
      module_type, function_type, cell_type, str_type, bytes_type, bytearray_type, int_type,
      float_type, bool_type, complex_type, none_type, type_type, method_type, code_type,
      object_type, exception_type, traceback_type, frame_type, generator_type, coroutine_type,
      async_generator_type, weakref_type, weak_proxy_type, weak_callable_proxy_type;
};
extern PythonApi g_python_api;

// Looks for a CPython in this process. False: there is none.
bool FindPython(Interpreter& python) noexcept;

}  // namespace memwhy::agent
