// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/request_signal.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "agent/capture/sandbox.h"
#include "agent/ground/agent.h"
#include "agent/ground/export.h"
#include "agent/ground/real_functions.h"
#include "wire/request_cookie.h"

namespace memwhy::agent {
namespace {

using Handler = void (*)(int);

OnRequestSignal g_on_signal = nullptr;
std::atomic<int> g_number{0};            // ours; 0: none
std::atomic<std::uint64_t> g_theirs{0};  // bit N - 1: the program has set an action for signal N
struct sigaction g_view;                 // what the program believes of ours: at its default

// A child of vfork: what it changes is its own, but our memory is its parent's.
bool IsGuest() noexcept {
  return CurrentMode() == kModeRecording &&
         g_agent.ring->pid != static_cast<std::uint32_t>(OwnPid());
}

void HandleSignal(int number, siginfo_t* info, void*) {
  const int saved = errno;
  std::uint64_t cookie = 0;
  std::memcpy(&cookie, &info->si_value, sizeof(cookie));
  if (info->si_code == SI_QUEUE && cookie == wire::kRequestCookie) {
    g_on_signal();
  } else if (number == g_number.load(std::memory_order_relaxed)) {
    // Of somebody else, for a program that has set nothing for it. Delivered when we return.
    struct sigaction usual;
    std::memset(&usual, 0, sizeof(usual));
    g_real.sigaction(number, &usual, nullptr);
    syscall(SYS_tgkill, getpid(), static_cast<pid_t>(syscall(SYS_gettid)), number);
  }
  errno = saved;
}

void Take(int number) noexcept {
  g_number.store(number, std::memory_order_relaxed);
  ShowRequestSignal();
}

void Choose() noexcept {
  for (int number = SIGRTMAX - 3; number > SIGRTMIN + 3; --number) {
    struct sigaction old;
    if ((g_theirs.load(std::memory_order_relaxed) >> (number - 1) & 1) != 0) continue;
    if (g_real.sigaction(number, nullptr, &old) != 0 || old.sa_handler != SIG_DFL) continue;
    struct sigaction ours;
    std::memset(&ours, 0, sizeof(ours));
    ours.sa_sigaction = &HandleSignal;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigfillset(&ours.sa_mask);
    if (g_real.sigaction(number, &ours, nullptr) == 0) return Take(number);
  }
}

bool IsOurSignal(int number) noexcept {
  if (!g_resolved) ResolveRealFunctions();
  return number > 0 && number == g_number.load(std::memory_order_relaxed);
}

// The program sets an action for `number`: from now on it is as if we had never had it.
void Yield(int number) noexcept {
  if (!IsOurSignal(number)) return;
  if (!IsGuest()) {
    g_theirs.fetch_or(std::uint64_t{1} << (number - 1), std::memory_order_relaxed);
    Take(0);
  }
  g_real.sigaction(number, &g_view, nullptr);
  if (!IsGuest()) Choose();
}

}  // namespace

void InstallRequestSignal(OnRequestSignal on_signal) noexcept {
  g_on_signal = on_signal;
  Choose();
}

void ShowRequestSignal() noexcept {
  if (g_agent.ring->pid != static_cast<std::uint32_t>(OwnPid())) return;
  g_agent.ring->request.signal =
      static_cast<std::uint32_t>(g_number.load(std::memory_order_relaxed));
}

}  // namespace memwhy::agent

using namespace memwhy::agent;  // NOLINT: the functions below must be global

// Context: as the functions they stand in for, also in a vfork'ed child and in signal handlers.
// Allocates: never.  Blocks: never. Each one calls the next definition, unless it only asks for the
// action of our signal.
extern "C" {

MEMWHY_EXPORT int sigaction(int number, const struct sigaction* action,
                            struct sigaction* old) noexcept {
  if (IsOurSignal(number)) {
    if (action == nullptr || action->sa_handler == SIG_DFL) {
      // The program may pass the same struct twice.
      const struct sigaction before = g_view;
      if (action != nullptr && !IsGuest()) g_view = *action;
      if (old != nullptr) *old = before;
      return 0;
    }
    Yield(number);
  }
  return g_real.sigaction(number, action, old);
}

MEMWHY_EXPORT Handler signal(int number, Handler handler) noexcept {
  if (handler != SIG_ERR) Yield(number);
  return g_real.signal(number, handler);
}

MEMWHY_EXPORT Handler bsd_signal(int number, Handler handler) noexcept {
  return signal(number, handler);
}

MEMWHY_EXPORT Handler ssignal(int number, Handler handler) noexcept {
  return signal(number, handler);
}

MEMWHY_EXPORT Handler __sysv_signal(int number, Handler handler) noexcept {  // NOLINT: its name
  if (handler != SIG_ERR) Yield(number);
  return g_real.sysv_signal(number, handler);
}

MEMWHY_EXPORT Handler sysv_signal(int number, Handler handler) noexcept {
  return __sysv_signal(number, handler);
}

MEMWHY_EXPORT Handler sigset(int number, Handler handler) noexcept {
  Yield(number);
  return g_real.sigset(number, handler);
}

MEMWHY_EXPORT int sigignore(int number) noexcept {
  Yield(number);
  return g_real.sigignore(number);
}

}  // extern "C"
