// SPDX-License-Identifier: Apache-2.0
#include "model/sites/births.h"

#include <algorithm>

namespace memwhy::model {

const LiveBlock* Births::Find(std::uint64_t address) const {
  // What the collector, and 3.12 and later, put before an object.
  constexpr std::uint64_t kMaxBefore = 32;
  const auto next =
      std::upper_bound(live_.begin(), live_.end(), address,
                       [](std::uint64_t at, const LiveBlock& block) { return at < block.address; });
  if (next == live_.begin()) return nullptr;
  const LiveBlock& block = *std::prev(next);
  const std::uint64_t before = address - block.address;
  if (before > kMaxBefore || before % 16 != 0 || before >= block.size) return nullptr;
  return &block;
}

}  // namespace memwhy::model
