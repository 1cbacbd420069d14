// SPDX-License-Identifier: Apache-2.0
//
// What a census of the heap counts: objects and bytes by type, references by pair of types. Memory:
// 16 bytes for each type, 32 to 64 for each pair, however many objects there are. Runs in a clone,
// or in place with the GIL held; no malloc, no locks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/raw_memory.h"

namespace memwhy::agent {

class TypeCensus {
 public:
  struct Total {
    std::uint64_t objects;
    std::uint64_t bytes;
  };

  ~TypeCensus() {
    FreeRaw(totals_);
    FreeRaw(slots_);
  }

  void AddObject(std::uint32_t type, std::uint64_t bytes) noexcept {
    if (!GrowRaw(totals_, std::size_t{type} + 1)) {
      failed_ = true;
      return;
    }
    ++totals_.items[type].objects;
    totals_.items[type].bytes += bytes;
  }
  // Memory that an object of `type` has beside itself. After AddObject of that type.
  void AddBytes(std::uint32_t type, std::uint64_t bytes) noexcept {
    if (type < totals_.capacity) totals_.items[type].bytes += bytes;
  }
  // Both as wire::DumpTag::kPair has them; not both 0.
  void AddReference(std::uint32_t referrer, std::uint32_t referent) noexcept {
    const std::uint64_t key = std::uint64_t{referrer} << 32 | referent;
    // Containers refer to objects of one type mostly.
    if (last_ == nullptr || last_->key != key) last_ = Find(key);
    if (last_ != nullptr) ++last_->references;
  }

  // Zeros for a type that was not counted.
  Total total(std::uint32_t type) const noexcept {
    return type < totals_.capacity ? totals_.items[type] : Total{0, 0};
  }
  // each(referrer, referent, references), in no order.
  template <typename Each>
  void EachPair(const Each& each) const noexcept {
    for (std::size_t i = 0; i < slots_.capacity; ++i) {
      const Slot& slot = slots_.items[i];
      if (slot.key == 0) continue;
      each(static_cast<std::uint32_t>(slot.key >> 32), static_cast<std::uint32_t>(slot.key),
           slot.references);
    }
  }
  // No memory: something is not counted.
  bool failed() const { return failed_; }

 private:
  struct Slot {
    std::uint64_t key;  // referrer << 32 | referent; 0: empty
    std::uint64_t references;
  };
  // Null: no memory.
  Slot* Find(std::uint64_t key) noexcept;
  bool Grow() noexcept;

  RawArray<Total> totals_;  // by type
  RawArray<Slot> slots_;    // open addressing, a power of two
  std::size_t used_ = 0;
  Slot* last_ = nullptr;
  bool failed_ = false;
};

}  // namespace memwhy::agent
