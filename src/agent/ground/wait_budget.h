// SPDX-License-Identifier: Apache-2.0
//
// How long all threads of a process together may be held by a full ring: 10 s, and 1 % of the time
// that the process has run. Time in which several wait at once counts once. The first 50 ms of a
// wait are the pace of a busy recorder and do not count.
// Context: any thread, inside malloc.  Allocates: never.
#pragma once

#include <atomic>
#include <cstdint>

namespace memwhy::agent {

class WaitBudget {
 public:
  static constexpr std::uint64_t kFreeNs = 50'000'000;
  static constexpr std::uint64_t kAtStartNs = 10'000'000'000;
  static constexpr std::uint64_t kPerNs = 100;  // of run time: 1 ns more

  void Start(std::uint64_t now_ns) noexcept;
  bool IsSpent(std::uint64_t now_ns) const noexcept;
  // To be called again and again in a wait that began at `began_ns`, so that waits of several
  // threads are laid over each other.
  void Charge(std::uint64_t began_ns, std::uint64_t now_ns) noexcept;
  std::uint64_t charged_ns() const noexcept { return charged_.load(std::memory_order_relaxed); }

 private:
  // Relaxed throughout: sums of time, nothing else depends on them.
  std::atomic<std::uint64_t> start_{0};
  std::atomic<std::uint64_t> charged_{0};
  std::atomic<std::uint64_t> charged_until_{0};
};

}  // namespace memwhy::agent
