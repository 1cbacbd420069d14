// SPDX-License-Identifier: Apache-2.0
//
// Gives a number to each 64-bit hash, in the order in which they come: open addressing, doubling. A
// hash stands for what was hashed: two that are equal by chance would share a number. No malloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/raw_memory.h"

namespace memwhy::agent {

class NumberTable {
 public:
  ~NumberTable() { FreeRaw(slots_); }
  // The number of `hash`, counted from 0. Without memory 0, and failed() from then on.
  std::uint32_t Find(std::uint64_t hash, bool* is_new) noexcept;
  bool failed() const { return failed_; }

 private:
  struct Slot {
    std::uint64_t hash;  // 0: empty
    std::uint32_t number;
  };
  bool Grow() noexcept;

  RawArray<Slot> slots_;
  std::uint32_t count_ = 0;
  bool failed_ = false;
};

}  // namespace memwhy::agent
