// SPDX-License-Identifier: Apache-2.0
//
// Sets of signals as the kernel has them, with the two that glibc keeps for itself (32 and 33) and
// leaves out of its own sets. Every function is async-signal-safe and keeps to the calling thread.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <ctime>

namespace memwhy::recorder {

using SignalSet = std::uint64_t;  // bit N - 1 is signal N

inline constexpr int kLastSignal = 64;

constexpr SignalSet SignalBit(int number) { return SignalSet{1} << (number - 1); }

// What a process does to itself by a fault. Blocked, a fault ends it without a handler.
inline constexpr std::array kFaults = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

constexpr SignalSet SetOfFaults() {
  SignalSet set = 0;
  for (const int number : kFaults) set |= SignalBit(number);
  return set;
}
inline constexpr SignalSet kFaultSet = SetOfFaults();

// `how`: SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK. Returns the mask before.
inline SignalSet ChangeMask(int how, SignalSet set) {
  SignalSet before = 0;
  syscall(SYS_rt_sigprocmask, how, &set, &before, sizeof(set));
  return before;
}

// What is blocked and waits, for the thread or its process.
inline SignalSet PendingSignals() {
  SignalSet pending = 0;
  syscall(SYS_rt_sigpending, &pending, sizeof(pending));
  return pending;
}

// Takes one that waits. False: there is none.
inline bool TakeSignal(int number, siginfo_t* info) {
  const SignalSet set = SignalBit(number);
  const timespec now{};
  return syscall(SYS_rt_sigtimedwait, &set, info, &now, sizeof(set)) == number;
}

// Readable while one of them waits; it takes none.
inline int OpenSignalFd(SignalSet set) {
  return static_cast<int>(syscall(SYS_signalfd4, -1, &set, sizeof(set), SFD_CLOEXEC));
}

}  // namespace memwhy::recorder
