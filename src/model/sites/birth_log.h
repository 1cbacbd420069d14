// SPDX-License-Identifier: Apache-2.0
//
// One record per live block for views that need more than a site: when it was born. The block's row
// in a LiveSet is the record's number; records of dead blocks are used again. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

namespace memwhy::model {

struct Birth {
  double time = 0;
  std::uint32_t row = 0;  // of the view
};

class BirthLog {
 public:
  std::uint32_t Add(Birth birth) {
    if (!free_.empty()) {
      const std::uint32_t record = free_.back();
      free_.pop_back();
      births_[record] = birth;
      return record;
    }
    births_.push_back(birth);
    return static_cast<std::uint32_t>(births_.size() - 1);
  }
  void Remove(std::uint32_t record) { free_.push_back(record); }
  const Birth& operator[](std::uint32_t record) const { return births_[record]; }

 private:
  std::vector<Birth> births_;
  std::vector<std::uint32_t> free_;
};

}  // namespace memwhy::model
