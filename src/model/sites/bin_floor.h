// SPDX-License-Identifier: Apache-2.0
//
// The least value of a step function in each of n equal bins of a window. A value holds until the
// next one, so a bin without a change has the value it came in with. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/bytes.h"

namespace memwhy::model {

// Where a time falls; the window's end belongs to the last bin.
class BinScale {
 public:
  BinScale(double from, double to, int bins)
      : from_(from), width_(to > from ? (to - from) / bins : 1), bins_(bins) {}
  std::size_t BinOf(double time) const {
    const double at = (time - from_) / width_;
    return static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(bins_ - 1)));
  }
  std::size_t bins() const { return static_cast<std::size_t>(bins_); }

 private:
  double from_;
  double width_;
  int bins_;
};

class BinFloor {
 public:
  // `value` holds at the window's start.
  void Start(std::size_t bins, Bytes value) {
    floor_.assign(bins, value);
    bin_ = 0;
    value_ = value;
  }
  bool is_started() const { return !floor_.empty(); }

  void Set(std::size_t bin, Bytes value) {
    Advance(bin);
    value_ = value;
    floor_[bin_] = std::min(floor_[bin_], value);
  }
  // Fills the bins up to the end and gives the floors.
  std::vector<Bytes> Finish() {
    if (is_started()) Advance(floor_.size() - 1);
    return std::move(floor_);
  }

 private:
  void Advance(std::size_t bin) {
    while (bin_ < bin) floor_[++bin_] = value_;
  }
  std::vector<Bytes> floor_;
  std::size_t bin_ = 0;
  Bytes value_ = 0;
};

}  // namespace memwhy::model
