// SPDX-License-Identifier: Apache-2.0
#include "recorder/signal_relay.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>

namespace memwhy::recorder {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};

std::atomic<pid_t> g_target{0};
std::atomic<int> g_interrupt{0};
std::atomic<bool> g_interrupts{false};
bool g_is_installed = false;
std::array<struct sigaction, kSignals.size()> g_before;

void OnSignal(int number, siginfo_t* info, void*) {
  if (number == SIGCHLD) return;
  const int saved = errno;
  if (g_interrupts.load(std::memory_order_relaxed) && (number == SIGINT || number == SIGTERM)) {
    g_interrupt.store(number, std::memory_order_relaxed);
  } else if (info == nullptr || info->si_code != SI_KERNEL) {
    const pid_t target = g_target.load(std::memory_order_relaxed);
    if (target > 0) kill(target, number);
  }
  errno = saved;
}

}  // namespace

SignalRelay::SignalRelay(Policy policy) {
  g_target.store(0);
  g_interrupt.store(0);
  g_interrupts.store(policy == Policy::kInterrupt);
  struct sigaction ours{};
  ours.sa_sigaction = &OnSignal;
  ours.sa_flags = SA_SIGINFO;
  sigfillset(&ours.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &ours, &g_before[i]);
  g_is_installed = true;
}

SignalRelay::~SignalRelay() {
  RestoreInChild();
  g_is_installed = false;
}

void SignalRelay::SetTarget(pid_t pid) { g_target.store(pid); }

int SignalRelay::Interrupt() { return g_interrupt.load(std::memory_order_relaxed); }

void SignalRelay::RestoreInChild() {
  if (!g_is_installed) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &g_before[i], nullptr);
}

}  // namespace memwhy::recorder
