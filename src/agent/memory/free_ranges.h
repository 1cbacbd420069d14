// SPDX-License-Identifier: Apache-2.0
//
// Ranges of addresses that are free. Filled first, then sorted, then asked. No malloc; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "agent/ground/raw_memory.h"

namespace memwhy::agent {

class FreeRanges {
 public:
  ~FreeRanges() { FreeRaw(ranges_); }

  // None of them overlap.
  void Add(std::uintptr_t begin, std::uintptr_t end) noexcept {
    if (begin >= end) return;
    if (!GrowRaw(ranges_, count_ + 1)) {
      failed_ = true;
      return;
    }
    ranges_.items[count_++] = {begin, end};
  }
  void Sort() noexcept {
    std::sort(ranges_.items, ranges_.items + count_,
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
  }
  bool Contains(std::uintptr_t address) const noexcept {
    const Range* next = std::upper_bound(
        ranges_.items, ranges_.items + count_, address,
        [](std::uintptr_t value, const Range& range) { return value < range.begin; });
    return next != ranges_.items && address < (next - 1)->end;
  }
  std::size_t count() const { return count_; }
  bool failed() const { return failed_; }  // no memory for one

 private:
  struct Range {
    std::uintptr_t begin;
    std::uintptr_t end;
  };
  RawArray<Range> ranges_;
  std::size_t count_ = 0;
  bool failed_ = false;
};

}  // namespace memwhy::agent
