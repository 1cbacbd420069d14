// SPDX-License-Identifier: Apache-2.0
#include "agent/type_census.h"

namespace memwhy::agent {
namespace {

constexpr std::size_t kFirstCapacity = 4096;

std::size_t HashPair(std::uint64_t key) noexcept {
  const std::uint64_t mixed = key * 0x9e3779b97f4a7c15ull;
  return static_cast<std::size_t>(mixed ^ (mixed >> 32));
}

}  // namespace

bool TypeCensus::Grow() noexcept {
  RawArray<Slot> wider;
  wider.capacity = slots_.capacity == 0 ? kFirstCapacity : slots_.capacity * 2;
  wider.items = static_cast<Slot*>(MapRaw(wider.capacity * sizeof(Slot)));
  if (wider.items == nullptr) return false;
  for (std::size_t i = 0; i < slots_.capacity; ++i) {
    const Slot& slot = slots_.items[i];
    if (slot.key == 0) continue;
    std::size_t at = HashPair(slot.key) & (wider.capacity - 1);
    while (wider.items[at].key != 0) at = (at + 1) & (wider.capacity - 1);
    wider.items[at] = slot;
  }
  FreeRaw(slots_);
  slots_ = wider;
  return true;
}

TypeCensus::Slot* TypeCensus::Find(std::uint64_t key) noexcept {
  if ((used_ + 1) * 2 > slots_.capacity && !Grow()) {
    failed_ = true;
    return nullptr;
  }
  std::size_t at = HashPair(key) & (slots_.capacity - 1);
  for (; slots_.items[at].key != 0; at = (at + 1) & (slots_.capacity - 1)) {
    if (slots_.items[at].key == key) return &slots_.items[at];
  }
  slots_.items[at].key = key;
  ++used_;
  return &slots_.items[at];
}

}  // namespace memwhy::agent
