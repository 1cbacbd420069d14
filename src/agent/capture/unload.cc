// SPDX-License-Identifier: Apache-2.0
//
// dlclose, as the target calls it: what lies at the addresses of a library may be another one soon.
// Context: any thread.  Allocates: never itself.
#include <dlfcn.h>

#include "agent/capture/native_stack.h"
#include "agent/ground/export.h"
#include "agent/ground/real_functions.h"

extern "C" {

MEMWHY_EXPORT int dlclose(void* handle) noexcept {
  memwhy::agent::ResolveRealFunctions();
  const int status = memwhy::agent::g_real.dlclose(handle);
  memwhy::agent::NoteUnload();
  return status;
}

}  // extern "C"
