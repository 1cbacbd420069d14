// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/fork_gate.h"

#include <time.h>

#include <atomic>

namespace memwhy::agent {
namespace {

constexpr int kMaxWaits = 10'000;  // of 100 us: rather a risk than a fork that never comes

// One of both waits for the other: each says first what it does and looks then.
std::atomic<int> g_forks{0};
std::atomic<int> g_is_closed{0};

void Wait() noexcept {
  const timespec wait{0, 100'000};
  nanosleep(&wait, nullptr);
}

}  // namespace

void CloseForkGate() noexcept {
  for (int left = kMaxWaits; left > 0; --left) {
    g_is_closed.store(1);
    if (g_forks.load() == 0) return;
    g_is_closed.store(0);
    Wait();
  }
  g_is_closed.store(1);
}

void OpenForkGate() noexcept { g_is_closed.store(0); }

void PassForkGate() noexcept {
  g_forks.fetch_add(1);
  for (int left = kMaxWaits; left > 0 && g_is_closed.load() != 0; --left) Wait();
}

void LeaveForkGate(bool is_child) noexcept {
  if (is_child) {
    g_forks.store(0);
    g_is_closed.store(0);
  } else {
    g_forks.fetch_sub(1);
  }
}

}  // namespace memwhy::agent
