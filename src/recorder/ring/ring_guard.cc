// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/ring_guard.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>

#include "recorder/signals/signal_relay.h"

namespace memwhy::recorder {
namespace {

RingGuard* g_first = nullptr;

void OnBusError(int number, siginfo_t* info, void*) {
  const int saved = errno;
  const bool is_fault = info->si_code > 0;  // not sent by a process
  for (RingGuard* guard = g_first; is_fault && guard != nullptr; guard = guard->next()) {
    if (guard->is_cut() || !guard->Holds(info->si_addr)) continue;
    guard->Cut();
    errno = saved;
    return;
  }
  if (!is_fault && SignalRelay::PassOn(number)) {
    errno = saved;
    return;
  }
  // Not ours: the instruction faults again, or the signal is sent again, without a handler.
  signal(number, SIG_DFL);
  if (!is_fault) raise(number);
  errno = saved;
}

}  // namespace

RingGuard::RingGuard(void* begin, std::size_t bytes)
    : begin_(begin), bytes_(bytes), next_(g_first) {
  static const bool is_installed = [] {
    struct sigaction ours{};
    ours.sa_sigaction = &OnBusError;
    ours.sa_flags = SA_SIGINFO;
    return sigaction(SIGBUS, &ours, nullptr) == 0;
  }();
  static_cast<void>(is_installed);
  g_first = this;
}

RingGuard::~RingGuard() {
  RingGuard** link = &g_first;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
}

void RingGuard::Cut() {
  mmap(begin_, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  is_cut_ = 1;
}

bool RingGuard::Holds(const void* address) const {
  const auto offset =
      reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(begin_);
  return offset < bytes_;
}

}  // namespace memwhy::recorder
