// SPDX-License-Identifier: Apache-2.0
//
// A hash table for the time of one request: open addressing over a power of two of slots, at most
// half of them in use. No malloc; one thread; nothing is taken out again.
//
// A Slot is plain memory, of which zeros are an empty one, and has
//   auto key() const                    what it is found by
//   bool is_used() const
//   static std::size_t Hash(key)        all bits count, the lowest most
#pragma once

#include <cstddef>

#include "agent/ground/raw_memory.h"

namespace memwhy::agent {

template <typename Slot>
class RawTable {
 public:
  RawTable() = default;
  ~RawTable() { Release(); }
  RawTable(const RawTable&) = delete;
  RawTable& operator=(const RawTable&) = delete;

  // Null: there is none. Valid until the next Add.
  template <typename Key>
  Slot* Find(Key key) const noexcept {
    if (slots_.capacity == 0) return nullptr;
    Slot* slot = Probe(slots_, key);
    return slot->is_used() ? slot : nullptr;
  }
  // Of a key that is not there. Null: no memory.
  [[nodiscard]] Slot* Add(const Slot& slot) noexcept {
    if ((used_ + 1) * 2 > slots_.capacity && !Grow()) return nullptr;
    ++used_;
    Slot* place = Probe(slots_, slot.key());
    *place = slot;
    return place;
  }
  // Each one in use, in no order.
  template <typename Visit>
  void Each(const Visit& visit) const noexcept {
    for (std::size_t i = 0; i < slots_.capacity; ++i) {
      if (slots_.items[i].is_used()) visit(slots_.items[i]);
    }
  }
  std::size_t used() const { return used_; }
  void Release() noexcept {
    FreeRaw(slots_);
    used_ = 0;
  }

 private:
  static constexpr std::size_t kFirstSlots = 4096;

  // Where `key` is, or would be.
  template <typename Key>
  static Slot* Probe(const RawArray<Slot>& slots, Key key) noexcept {
    const std::size_t mask = slots.capacity - 1;
    std::size_t at = Slot::Hash(key) & mask;
    while (slots.items[at].is_used() && slots.items[at].key() != key) at = (at + 1) & mask;
    return &slots.items[at];
  }
  [[gnu::noinline]] bool Grow() noexcept {
    RawArray<Slot> wider;
    wider.capacity = slots_.capacity == 0 ? kFirstSlots : slots_.capacity * 2;
    wider.items = static_cast<Slot*>(MapRaw(wider.capacity * sizeof(Slot)));
    if (wider.items == nullptr) return false;
    Each([&](const Slot& slot) { *Probe(wider, slot.key()) = slot; });
    FreeRaw(slots_);
    slots_ = wider;
    return true;
  }

  RawArray<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace memwhy::agent
