// SPDX-License-Identifier: Apache-2.0
//
// In a clone only: a fault while foreign memory or a foreign function is at work comes back to the
// place that armed the guard. One guard, one thread; the handlers are the clone's own.
#pragma once

#include <csetjmp>

namespace memwhy::agent {

class FaultGuard {
 public:
  // Handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, on a stack of their own.
  static void Install() noexcept;
  // if (MEMWHY_GUARD(guard) == 0) { ... guard.Disarm(); } else { it faulted }
  sigjmp_buf& Arm() noexcept;
  void Disarm() noexcept;

 private:
  sigjmp_buf place_;
};

#define MEMWHY_GUARD(guard) sigsetjmp((guard).Arm(), 0)

}  // namespace memwhy::agent
