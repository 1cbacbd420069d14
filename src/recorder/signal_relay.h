// SPDX-License-Identifier: Apache-2.0
//
// Signals that reach the recorder while a target runs: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1
// and SIGUSR2 are passed on to the target, or counted as a wish to stop. What a terminal sends goes
// to the whole process group, so the target has it already. SIGCHLD only ends waits. Handlers touch
// atomics and kill(2) alone. One relay at a time; dispositions are restored by the destructor.
#pragma once

#include <signal.h>
#include <sys/types.h>

namespace memwhy::recorder {

class SignalRelay {
 public:
  enum class Policy {
    kPassOn,     // run: all go to the target
    kInterrupt,  // diagnose: SIGINT and SIGTERM mean stop; the others go to the target
  };

  explicit SignalRelay(Policy policy);
  ~SignalRelay();
  SignalRelay(const SignalRelay&) = delete;
  SignalRelay& operator=(const SignalRelay&) = delete;

  // Who gets them; 0: nobody (kept back).
  static void SetTarget(pid_t pid);
  // The signal that asked to stop, or 0.
  static int Interrupt();
  // In the forked child before exec: the dispositions and mask that we were started with.
  static void RestoreInChild();
};

}  // namespace memwhy::recorder
