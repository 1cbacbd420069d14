// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/wait_budget.h"

namespace memwhy::agent {

void WaitBudget::Start(std::uint64_t now_ns) noexcept {
  start_.store(now_ns, std::memory_order_relaxed);
  charged_.store(0, std::memory_order_relaxed);
  charged_until_.store(now_ns, std::memory_order_relaxed);
}

bool WaitBudget::IsSpent(std::uint64_t now_ns) const noexcept {
  const std::uint64_t run = now_ns - start_.load(std::memory_order_relaxed);
  return charged_ns() > kAtStartNs + run / kPerNs;
}

void WaitBudget::Charge(std::uint64_t began_ns, std::uint64_t now_ns) noexcept {
  const std::uint64_t counts_from = began_ns + kFreeNs;
  if (now_ns <= counts_from) return;
  std::uint64_t until = charged_until_.load(std::memory_order_relaxed);
  std::uint64_t from = 0;
  do {
    from = until > counts_from ? until : counts_from;
    if (from >= now_ns) return;
  } while (!charged_until_.compare_exchange_weak(until, now_ns, std::memory_order_relaxed));
  charged_.fetch_add(now_ns - from, std::memory_order_relaxed);
}

}  // namespace memwhy::agent
