// SPDX-License-Identifier: Apache-2.0
//
// Whether the kernel's counter of kills for lack of memory rose just before a process was killed:
// the proof that separates an OOM kill from any other SIGKILL. A rise long before is another
// process's. Times are CLOCK_MONOTONIC in ns. One thread.
#pragma once

#include <cstdint>
#include <optional>

namespace memwhy::recorder {

class OomWatch {
 public:
  // The counter as read now; nothing where it cannot be read.
  void Note(std::uint64_t now_ns, std::optional<std::uint64_t> kills) {
    if (!kills) return;
    if (kills_ && *kills > *kills_) rose_ns_ = now_ns;
    kills_ = kills;
  }

  bool RoseBefore(std::uint64_t now_ns) const {
    return rose_ns_ && now_ns - *rose_ns_ <= kMomentNs;
  }

 private:
  // A large process takes its time to die after the kernel has chosen it.
  static constexpr std::uint64_t kMomentNs = 10'000'000'000;

  std::optional<std::uint64_t> kills_;
  std::optional<std::uint64_t> rose_ns_;
};

}  // namespace memwhy::recorder
