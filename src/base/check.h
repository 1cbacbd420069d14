// SPDX-License-Identifier: Apache-2.0
// Checks of programmer errors. MEMWHY_CHECK is always on, MEMWHY_DCHECK only without NDEBUG. Input
// (files, processes, command lines) must never be able to trip one: that is what Result is for.
#pragma once

namespace memwhy {

// Prints the place and the text to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* text);

}  // namespace memwhy

#define MEMWHY_CHECK(condition)                        \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::memwhy::CheckFailed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define MEMWHY_DCHECK(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#else
#define MEMWHY_DCHECK(condition) MEMWHY_CHECK(condition)
#endif
