// SPDX-License-Identifier: Apache-2.0
#include "agent/fault_guard.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/raw_memory.h"

namespace memwhy::agent {
namespace {

constexpr std::size_t kStackBytes = 64 * 1024;
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
sigjmp_buf* g_place = nullptr;  // null: not armed

void OnFault(int number) {
  if (g_place != nullptr) siglongjmp(*g_place, 1);
  syscall(SYS_exit_group, 128 + number);
}

}  // namespace

void FaultGuard::Install() noexcept {
  stack_t stack{};
  stack.ss_sp = MapRaw(kStackBytes);
  stack.ss_size = kStackBytes;
  const bool has_stack = stack.ss_sp != nullptr && sigaltstack(&stack, nullptr) == 0;
  for (const int number : kSignals) {
    struct sigaction action{};
    action.sa_handler = &OnFault;
    action.sa_flags = SA_NODEFER | (has_stack ? SA_ONSTACK : 0);
    sigaction(number, &action, nullptr);
  }
  sigset_t faults;
  sigemptyset(&faults);
  for (const int number : kSignals) sigaddset(&faults, number);
  sigprocmask(SIG_UNBLOCK, &faults, nullptr);
}

sigjmp_buf& FaultGuard::Arm() noexcept {
  g_place = &place_;
  return place_;
}

void FaultGuard::Disarm() noexcept { g_place = nullptr; }

}  // namespace memwhy::agent
