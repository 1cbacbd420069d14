// SPDX-License-Identifier: Apache-2.0
//
// The calls by which a program puts a filter on its system calls, as it makes them, and dlsym, by
// which ctypes finds them in a library that it names.
// Context: as the functions they stand in for, also in signal handlers and in vfork'ed children.
// Allocates: never.
#include <dlfcn.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "agent/capture/sandbox.h"
#include "agent/ground/export.h"
#include "agent/ground/real_functions.h"

using namespace memwhy::agent;  // NOLINT: the functions below must be global
using memwhy::wire::Sandbox;

namespace {

// What such a call would make of the process; kNone: it is none of them.
Sandbox SandboxOf(long option, unsigned long argument) noexcept {
  if (option == PR_SET_SECCOMP && argument == SECCOMP_MODE_STRICT) return Sandbox::kNoClock;
  if (option == PR_SET_SECCOMP && argument == SECCOMP_MODE_FILTER) return Sandbox::kFilter;
  if (option == PR_SET_TSC && argument == PR_TSC_SIGSEGV) return Sandbox::kNoClock;
  return Sandbox::kNone;
}

Sandbox SandboxOfSystemCall(long number, unsigned long a, unsigned long b) noexcept {
  if (number == SYS_prctl) return SandboxOf(static_cast<int>(a), b);
  if (number != SYS_seccomp) return Sandbox::kNone;
  if (a == SECCOMP_SET_MODE_STRICT) return Sandbox::kNoClock;
  return a == SECCOMP_SET_MODE_FILTER ? Sandbox::kFilter : Sandbox::kNone;
}

template <typename Call>
auto Enter(Sandbox kind, Call call) noexcept {
  SandboxEntry entry(kind);
  const auto result = call();
  entry.Finish(result < 0);
  return result;
}

using Lookup = void* (*)(void*, const char*);

Lookup RealLookup() noexcept {
  static Lookup real = nullptr;  // the same whoever stores it
  if (real != nullptr) return real;
  for (const char* version : {"GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5"}) {
    auto* found = reinterpret_cast<Lookup>(dlvsym(RTLD_NEXT, "dlsym", version));
    if (found != nullptr) return real = found;
  }
  return nullptr;
}

// Our function, when the real one is what the caller would get.
void* StandIn(void* handle, const char* name) noexcept {
  if (handle == RTLD_NEXT || handle == RTLD_DEFAULT || name == nullptr) return nullptr;
  const bool is_prctl = std::strcmp(name, "prctl") == 0;
  if (!is_prctl && std::strcmp(name, "syscall") != 0) return nullptr;
  if (!g_resolved) return nullptr;
  void* found = RealLookup()(handle, name);
  if (is_prctl && found == reinterpret_cast<void*>(g_real.prctl)) {
    return reinterpret_cast<void*>(&prctl);
  }
  if (!is_prctl && found == reinterpret_cast<void*>(g_real.syscall)) {
    return reinterpret_cast<void*>(&syscall);
  }
  return found;
}

}  // namespace

extern "C" {

MEMWHY_EXPORT int prctl(int option, ...) noexcept {
  va_list list;
  va_start(list, option);
  const auto a = va_arg(list, unsigned long);
  const auto b = va_arg(list, unsigned long);
  const auto c = va_arg(list, unsigned long);
  const auto d = va_arg(list, unsigned long);
  va_end(list);
  if (!g_resolved) ResolveRealFunctions();
  const Sandbox kind = SandboxOf(option, a);
  if (__builtin_expect(kind == Sandbox::kNone, true)) return g_real.prctl(option, a, b, c, d);
  return Enter(kind, [=] { return g_real.prctl(option, a, b, c, d); });
}

MEMWHY_EXPORT long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  unsigned long arguments[6];
  for (unsigned long& argument : arguments) argument = va_arg(list, unsigned long);
  va_end(list);
  const auto [a, b, c, d, e, f] = arguments;
  if (!g_resolved) ResolveRealFunctions();
  if (g_real.syscall == nullptr) {  // while we look for it ourselves
    errno = ENOSYS;
    return -1;
  }
  const Sandbox kind = SandboxOfSystemCall(number, a, b);
  if (__builtin_expect(kind == Sandbox::kNone, true)) {
    return g_real.syscall(number, a, b, c, d, e, f);
  }
  return Enter(kind, [=, a = a, b = b, c = c, d = d, e = e, f = f] {
    return g_real.syscall(number, a, b, c, d, e, f);
  });
}

// With RTLD_NEXT the answer depends on who calls: the real one must see the caller's return
// address, so this must be a jump and no call. GCC makes one of it at -O2, which is how the agent
// is built.
MEMWHY_EXPORT __attribute__((optimize("O2", "omit-frame-pointer"))) void* dlsym(
    void* __restrict handle, const char* __restrict name) noexcept {
  if (void* ours = StandIn(handle, name); ours != nullptr) return ours;
  return RealLookup()(handle, name);
}

}  // extern "C"
