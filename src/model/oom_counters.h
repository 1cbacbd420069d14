// SPDX-License-Identifier: Apache-2.0
//
// What a memory cgroup counts about kills in it, since it was made. Unknown is nullopt, never 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace memwhy::model {

struct OomCounters {
  std::string directory;
  int version = 2;
  std::optional<std::uint64_t> oom_kills;    // processes in it that an OOM killer took
  std::optional<std::uint64_t> oom_events;   // v2 "oom": its limit was reached, nothing reclaimable
  std::optional<std::uint64_t> group_kills;  // v2 "oom_group_kill"
  std::optional<std::uint64_t> limit_hits;  // v2 "max", v1 memory.failcnt: charges beyond the limit
  std::optional<std::uint64_t> high_hits;   // v2 "high": charges beyond memory.high
  std::optional<bool> kills_group;          // v2 memory.oom.group
  std::optional<bool> is_killer_off;        // v1 oom_kill_disable
  std::optional<Bytes> usage;
  std::optional<Bytes> peak;
  std::optional<Bytes> limit;   // of this cgroup and its ancestors, the least
  std::string limit_directory;  // whose limit that is
};

}  // namespace memwhy::model
