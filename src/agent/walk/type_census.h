// SPDX-License-Identifier: Apache-2.0
//
// What a census of the heap counts: objects and bytes by type, references by pair of types. Memory:
// 16 bytes for each type, 32 to 64 for each pair, however many objects there are. Runs in a clone,
// or in place with the GIL held; no malloc, no locks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/raw_memory.h"
#include "agent/ground/raw_table.h"

namespace memwhy::agent {

class TypeCensus {
 public:
  struct Total {
    std::uint64_t objects;
    std::uint64_t bytes;
  };

  ~TypeCensus() { FreeRaw(totals_); }

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
    const std::uint64_t types = std::uint64_t{referrer} << 32 | referent;
    // Containers refer to objects of one type mostly.
    if (last_ == nullptr || last_->types != types) last_ = Find(types);
    if (last_ != nullptr) ++last_->references;
  }

  // Zeros for a type that was not counted.
  Total total(std::uint32_t type) const noexcept {
    return type < totals_.capacity ? totals_.items[type] : Total{0, 0};
  }
  // each(referrer, referent, references), in no order.
  template <typename Each>
  void EachPair(const Each& each) const noexcept {
    pairs_.Each([&](const Pair& pair) {
      each(static_cast<std::uint32_t>(pair.types >> 32), static_cast<std::uint32_t>(pair.types),
           pair.references);
    });
  }
  // No memory: something is not counted.
  bool failed() const { return failed_; }

 private:
  struct Pair {
    std::uint64_t types;  // referrer << 32 | referent; 0: empty
    std::uint64_t references;
    std::uint64_t key() const { return types; }
    bool is_used() const { return types != 0; }
    static std::size_t Hash(std::uint64_t types) {
      const std::uint64_t mixed = types * 0x9e3779b97f4a7c15ull;
      return static_cast<std::size_t>(mixed ^ (mixed >> 32));
    }
  };
  // Null: no memory.
  Pair* Find(std::uint64_t types) noexcept;

  RawArray<Total> totals_;  // by type
  RawTable<Pair> pairs_;
  Pair* last_ = nullptr;
  bool failed_ = false;
};

}  // namespace memwhy::agent
