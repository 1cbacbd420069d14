// SPDX-License-Identifier: Apache-2.0
//
// What a pool looks like at one instant: all numbers are of that instant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "govern/tenants/tenant_table.h"

namespace memwhy::govern {

struct PoolStats {
  std::uint64_t capacity = 0;  // blocks that can be held
  std::uint64_t block_bytes = 0;
  std::uint64_t free = 0;
  std::uint64_t cached = 0;
  std::uint64_t held = 0;
  std::uint64_t reserved = 0;  // promised, part of free and cached
  std::uint64_t retiring = 0;  // held beyond the size that a Resize asked for
  std::uint64_t indexed = 0;   // blocks that a prefix can find, held or cached
  std::uint64_t allocated_total = 0;
  std::uint64_t released_total = 0;  // blocks that nobody holds any more
  std::uint64_t evicted_total = 0;
  std::uint64_t queried_total = 0;  // hashes that MatchPrefix looked for
  std::uint64_t found_total = 0;
  std::uint64_t copied_total = 0;
  std::uint64_t refused_total = 0;
  std::uint64_t lost_events = 0;
};

struct PoolState {
  std::uint32_t pid = 0;
  std::uint64_t wall_ns = 0;  // since 1970
  std::uint64_t changes = 0;  // how often it was published; 0 if it was not read from a page
  PoolStats stats;
  std::vector<TenantAccount> tenants;
};

// The pool as one JSON object, on one line: docs/formats/govern.md.
std::string PoolStateJson(const PoolState& state);

}  // namespace memwhy::govern
