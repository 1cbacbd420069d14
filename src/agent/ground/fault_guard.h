// SPDX-License-Identifier: Apache-2.0
//
// A fault while foreign memory or a foreign function is at work comes back to the place that armed
// the guard. Guards nest: the one armed last counts. One thread uses them.
//
// A clone has the handlers to itself. In the target they are borrowed while the GIL is held: faults
// of other threads, and of this one where no guard is armed, go to the handlers that were there.
#pragma once

#include <csetjmp>

namespace memwhy::agent {

class FaultGuard {
 public:
  // In a clone, for good: SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, on a stack of their own.
  static void Install() noexcept;

  // In the target: SIGSEGV and SIGBUS, for the calling thread. Give back what was borrowed, by the
  // same thread; a handler that somebody has set meanwhile stays.
  static void Borrow() noexcept;
  static void GiveBack() noexcept;

  // if (MEMWHY_GUARD(guard) == 0) { ... guard.Disarm(); } else { it faulted }
  sigjmp_buf& Arm() noexcept;
  void Disarm() noexcept;

 private:
  sigjmp_buf place_;
  sigjmp_buf* before_ = nullptr;  // armed when this one was
};

#define MEMWHY_GUARD(guard) sigsetjmp((guard).Arm(), 0)

}  // namespace memwhy::agent
