// SPDX-License-Identifier: Apache-2.0
#include "agent/python/python_api.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "cpython/debug_offsets.h"

namespace memwhy::agent {

PythonApi g_python_api;

namespace {

template <typename F>
void LookUp(F& slot, const char* name) noexcept {
  slot = reinterpret_cast<F>(dlsym(RTLD_DEFAULT, name));
}

cpython::Address LookType(const char* name) noexcept {
  return reinterpret_cast<cpython::Address>(dlsym(RTLD_DEFAULT, name));
}

// "3.10.13 (main, ...)" -> PY_VERSION_HEX without the release level.
std::uint32_t ParseVersion(const char* text) noexcept {
  std::uint32_t version = 0;
  char* at = const_cast<char*>(text);
  for (int shift = 24; shift >= 8; shift -= 8) {
    version |= static_cast<std::uint32_t>(std::strtoul(at, &at, 10) & 0xff) << shift;
    if (*at == '.') ++at;
  }
  return version;
}

cpython::Layout g_layout;  // of this process's CPython

// Sets the layout, or the reason why there is none.
void ChooseLayout(Interpreter& python) noexcept {
  const int minor = static_cast<int>((python.version >> 16) & 0xff);
  const cpython::Layout* known =
      python.version >> 24 == 3 && python.code_type != 0 ? cpython::FindLayout(minor) : nullptr;
  if (python.free_threaded) {
    python.obstacle =
        "free-threaded CPython: without the GIL a stack could change while it is read";
  } else if (known == nullptr) {
    python.obstacle = "this memwhy does not know the structures of this version of CPython";
  } else {
    g_layout = *known;
    if (minor >= cpython::kFirstWithDebugOffsets) {
      python.obstacle = cpython::ApplyDebugOffsets(python.runtime, python.version, &g_layout);
    }
    if (python.obstacle == nullptr) python.layout = &g_layout;
  }
}

}  // namespace

bool FindPython(Interpreter& python) noexcept {
  python.runtime = LookType("_PyRuntime");
  const char* (*get_version)() = nullptr;
  LookUp(get_version, "Py_GetVersion");
  if (python.runtime == 0 || get_version == nullptr) return false;
  const char* version = get_version();
  python.version = ParseVersion(version);
  python.free_threaded = std::strstr(version, "free-threading") != nullptr;
  python.code_type = LookType("PyCode_Type");
  ChooseLayout(python);
  // 3.13 gave the variant that may return NULL a public name.
  LookUp(python.current_thread_state, "PyThreadState_GetUnchecked");
  if (python.current_thread_state == nullptr) {
    LookUp(python.current_thread_state, "_PyThreadState_UncheckedGet");
  }

  PythonApi& api = g_python_api;
  LookUp(api.Py_IsInitialized, "Py_IsInitialized");
  LookUp(api.PyThreadState_New, "PyThreadState_New");
  LookUp(api.PyThreadState_Clear, "PyThreadState_Clear");
  LookUp(api.PyThreadState_DeleteCurrent, "PyThreadState_DeleteCurrent");
  LookUp(api.PyEval_RestoreThread, "PyEval_RestoreThread");
  LookUp(api.Py_AddPendingCall, "Py_AddPendingCall");
  LookUp(api.PyImport_GetModuleDict, "PyImport_GetModuleDict");
  LookUp(api.PyDict_Next, "PyDict_Next");
  LookUp(api.PyModule_GetDict, "PyModule_GetDict");
  LookUp(api.PyInterpreterState_Get, "PyInterpreterState_Get");
  if (api.PyInterpreterState_Get == nullptr) {
    LookUp(api.PyInterpreterState_Get, "_PyInterpreterState_Get");  // 3.8
  }
  LookUp(api.PyInterpreterState_ThreadHead, "PyInterpreterState_ThreadHead");
  LookUp(api.PyThreadState_Next, "PyThreadState_Next");
  LookUp(api.GetAllocatedBlocks, "_Py_GetAllocatedBlocks");
  if (api.GetAllocatedBlocks == nullptr) {
    LookUp(api.GetAllocatedBlocks, "_Py_GetGlobalAllocatedBlocks");  // 3.12+
  }
  LookUp(api.PyUnstable_GC_VisitObjects, "PyUnstable_GC_VisitObjects");
  LookUp(api.PyGC_IsEnabled, "PyGC_IsEnabled");
  LookUp(api.PyGC_Disable, "PyGC_Disable");
  LookUp(api.PyGC_Enable, "PyGC_Enable");
  LookUp(api.PyType_GetDict, "PyType_GetDict");
  LookUp(api.Py_DecRef, "Py_DecRef");
  LookUp(api.PyRun_StringFlags, "PyRun_StringFlags");
  LookUp(api.PyEval_GetBuiltins, "PyEval_GetBuiltins");
  LookUp(api.PyDict_New, "PyDict_New");
  LookUp(api.PyDict_SetItemString, "PyDict_SetItemString");
  LookUp(api.PyDict_GetItemString, "PyDict_GetItemString");
  LookUp(api.PyUnicode_AsUTF8, "PyUnicode_AsUTF8");
  LookUp(api.PyErr_Clear, "PyErr_Clear");
  LookUp(api.PyObject_GetArenaAllocator, "PyObject_GetArenaAllocator");
  LookUp(api.PyObject_SetArenaAllocator, "PyObject_SetArenaAllocator");
  LookUp(api.PyMem_GetAllocator, "PyMem_GetAllocator");
  LookUp(api.PyMem_SetAllocator, "PyMem_SetAllocator");
  LookUp(api.PyMem_GetCurrentAllocatorName, "_PyMem_GetCurrentAllocatorName");
  api.dict_type = LookType("PyDict_Type");
  api.list_type = LookType("PyList_Type");
  api.tuple_type = LookType("PyTuple_Type");
  api.set_type = LookType("PySet_Type");
  api.frozenset_type = LookType("PyFrozenSet_Type");
  api.module_type = LookType("PyModule_Type");
  api.function_type = LookType("PyFunction_Type");
  api.cell_type = LookType("PyCell_Type");
  api.str_type = LookType("PyUnicode_Type");
  api.bytes_type = LookType("PyBytes_Type");
  api.bytearray_type = LookType("PyByteArray_Type");
  api.int_type = LookType("PyLong_Type");
  api.float_type = LookType("PyFloat_Type");
  api.bool_type = LookType("PyBool_Type");
  api.complex_type = LookType("PyComplex_Type");
  api.type_type = LookType("PyType_Type");
  api.method_type = LookType("PyMethod_Type");
  api.code_type = python.code_type;
  api.object_type = LookType("PyBaseObject_Type");
  api.traceback_type = LookType("PyTraceBack_Type");
  api.frame_type = LookType("PyFrame_Type");
  api.generator_type = LookType("PyGen_Type");
  api.coroutine_type = LookType("PyCoro_Type");
  api.async_generator_type = LookType("PyAsyncGen_Type");
  api.weakref_type = LookType("_PyWeakref_RefType");
  api.weak_proxy_type = LookType("_PyWeakref_ProxyType");
  api.weak_callable_proxy_type = LookType("_PyWeakref_CallableProxyType");
  const cpython::Address exception = LookType("PyExc_BaseException");  // PyObject*
  api.exception_type = exception == 0 ? 0 : cpython::PeekPointer(exception, 0);
  const cpython::Address none = LookType("_Py_NoneStruct");
  api.none_object = none;
  api.none_type = none == 0 ? 0 : cpython::TypeOf(none);
  return true;
}

}  // namespace memwhy::agent
