// SPDX-License-Identifier: Apache-2.0
#include "agent/number_table.h"

namespace memwhy::agent {
namespace {
constexpr std::size_t kFirstCapacity = 4096;
}  // namespace

bool NumberTable::Grow() noexcept {
  RawArray<Slot> wider;
  wider.capacity = slots_.capacity == 0 ? kFirstCapacity : slots_.capacity * 2;
  wider.items = static_cast<Slot*>(MapRaw(wider.capacity * sizeof(Slot)));
  if (wider.items == nullptr) return false;
  for (std::size_t i = 0; i < slots_.capacity; ++i) {
    if (slots_.items[i].hash == 0) continue;
    std::size_t at = slots_.items[i].hash & (wider.capacity - 1);
    while (wider.items[at].hash != 0) at = (at + 1) & (wider.capacity - 1);
    wider.items[at] = slots_.items[i];
  }
  FreeRaw(slots_);
  slots_ = wider;
  return true;
}

std::uint32_t NumberTable::Find(std::uint64_t hash, bool* is_new) noexcept {
  if (hash == 0) hash = 1;
  *is_new = false;
  if ((std::size_t{count_} + 1) * 2 > slots_.capacity && !Grow()) {
    failed_ = true;
    return 0;
  }
  std::size_t at = hash & (slots_.capacity - 1);
  for (; slots_.items[at].hash != 0; at = (at + 1) & (slots_.capacity - 1)) {
    if (slots_.items[at].hash == hash) return slots_.items[at].number;
  }
  slots_.items[at] = {hash, count_};
  *is_new = true;
  return count_++;
}

}  // namespace memwhy::agent
