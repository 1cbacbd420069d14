// SPDX-License-Identifier: Apache-2.0
//
// Ranges of addresses that are free. Filled first, then sorted, then asked. No malloc; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "agent/ground/raw_list.h"

namespace memwhy::agent {

class FreeRanges {
 public:
  // None of them overlap.
  void Add(std::uintptr_t begin, std::uintptr_t end) noexcept {
    if (begin < end && !ranges_.Push({begin, end})) failed_ = true;
  }
  void Sort() noexcept {
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
  }
  bool Contains(std::uintptr_t address) const noexcept {
    const Range* next = std::upper_bound(
        ranges_.begin(), ranges_.end(), address,
        [](std::uintptr_t value, const Range& range) { return value < range.begin; });
    return next != ranges_.begin() && address < (next - 1)->end;
  }
  std::size_t count() const { return ranges_.count(); }
  bool failed() const { return failed_; }  // no memory for one

 private:
  struct Range {
    std::uintptr_t begin;
    std::uintptr_t end;
  };
  RawList<Range> ranges_;
  bool failed_ = false;
};

}  // namespace memwhy::agent
