// SPDX-License-Identifier: Apache-2.0
//
// Gives a number to each 64-bit hash, in the order in which they come. A hash stands for what was
// hashed: two that are equal by chance would share a number. No malloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/raw_table.h"

namespace memwhy::agent {

class NumberTable {
 public:
  // The number of `hash`, counted from 0. Without memory 0, and failed() from then on.
  std::uint32_t Find(std::uint64_t hash, bool* is_new) noexcept;
  bool failed() const { return failed_; }

 private:
  struct Slot {
    std::uint64_t hash;  // 0: empty
    std::uint32_t number;
    std::uint64_t key() const { return hash; }
    bool is_used() const { return hash != 0; }
    static std::size_t Hash(std::uint64_t hash) { return hash; }
  };

  RawTable<Slot> slots_;
  bool failed_ = false;
};

}  // namespace memwhy::agent
