// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/fault_guard.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>

#include "agent/ground/private_memory.h"
#include "agent/ground/raw_memory.h"

namespace memwhy::agent {
namespace {

constexpr std::size_t kFaultGuardStackBytes = 64 * 1024;
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr int kBorrowed[] = {SIGSEGV, SIGBUS};
constexpr std::size_t kBorrowedCount = sizeof(kBorrowed) / sizeof(kBorrowed[0]);

sigjmp_buf* g_place = nullptr;  // null: not armed

// While the target's handlers are borrowed.
std::atomic<long> g_thread{0};  // whose faults are ours
struct sigaction g_theirs[kBorrowedCount];
sigset_t g_mask;  // of the thread, before

void OnFault(int number) {
  if (g_place != nullptr) siglongjmp(*g_place, 1);
  syscall(SYS_exit_group, 128 + number);
}

// As if we were not there. Without a handler of theirs the instruction faults again under what the
// kernel does then; a signal that was sent is sent again.
void PassOn(int number, siginfo_t* info, void* context) {
  const struct sigaction& theirs = g_theirs[number == kBorrowed[0] ? 0 : 1];
  if ((theirs.sa_flags & SA_SIGINFO) != 0) return theirs.sa_sigaction(number, info, context);
  if (theirs.sa_handler != SIG_DFL && theirs.sa_handler != SIG_IGN) {
    return theirs.sa_handler(number);
  }
  const bool was_sent = info->si_code <= 0;
  if (was_sent && theirs.sa_handler == SIG_IGN) return;
  sigaction(number, &theirs, nullptr);
  if (was_sent) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

void OnBorrowedFault(int number, siginfo_t* info, void* context) {
  const bool was_sent = info->si_code <= 0;
  if (g_place != nullptr && !was_sent && syscall(SYS_gettid) == g_thread.load()) {
    siglongjmp(*g_place, 1);
  }
  PassOn(number, info, context);
}

}  // namespace

void FaultGuard::Install() noexcept {
  // Of our own range: a fault leaves the registers there, heads of objects among them, and that
  // range is searched for nothing.
  stack_t stack{};
  stack.ss_sp = TakePrivate(kFaultGuardStackBytes);
  if (stack.ss_sp == nullptr) stack.ss_sp = MapRaw(kFaultGuardStackBytes);
  stack.ss_size = kFaultGuardStackBytes;
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

void FaultGuard::Borrow() noexcept {
  g_place = nullptr;
  g_thread.store(syscall(SYS_gettid));
  sigset_t faults;
  sigemptyset(&faults);
  for (std::size_t i = 0; i < kBorrowedCount; ++i) {
    sigaddset(&faults, kBorrowed[i]);
    struct sigaction action{};
    action.sa_sigaction = &OnBorrowedFault;
    // Other threads may have a stack for it, and need it.
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigaction(kBorrowed[i], nullptr, &g_theirs[i]);
    sigaction(kBorrowed[i], &action, nullptr);
  }
  sigprocmask(SIG_UNBLOCK, &faults, &g_mask);
}

void FaultGuard::GiveBack() noexcept {
  g_place = nullptr;
  sigprocmask(SIG_SETMASK, &g_mask, nullptr);
  for (std::size_t i = 0; i < kBorrowedCount; ++i) {
    struct sigaction now{};
    sigaction(kBorrowed[i], nullptr, &now);
    if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == &OnBorrowedFault) {
      sigaction(kBorrowed[i], &g_theirs[i], nullptr);
    }
  }
}

sigjmp_buf& FaultGuard::Arm() noexcept {
  if (g_place != &place_) before_ = g_place;
  g_place = &place_;
  return place_;
}

void FaultGuard::Disarm() noexcept { g_place = before_; }

}  // namespace memwhy::agent
