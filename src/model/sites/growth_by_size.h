// SPDX-License-Identifier: Apache-2.0
//
// Blocks of a row that become larger instead of more: a buffer that realloc enlarges, an array that
// is replaced by a longer one. Nothing of them survives, since each is young. Pure.
#pragma once

#include <vector>

#include "model/sites/window_view.h"

namespace memwhy::model {

// What a row held at an instant. Small blocks beside large ones hardly count: the mean size is that
// of a byte's block.
class SizeSum {
 public:
  void Add(double bytes) {
    bytes_ += bytes;
    squares_ += bytes * bytes;
  }
  double mean() const { return bytes_ > 0 ? squares_ / bytes_ : 0; }
  double count() const { return squares_ > 0 ? bytes_ * bytes_ / squares_ : 0; }

 private:
  double bytes_ = 0;
  double squares_ = 0;
};

// What of the growth of a row's floor between the two is because each block is larger; 0 where that
// is less than half of it, where there are more blocks as well, or below 64 KiB. Of blocks that
// were never reallocated only a few can be told from work that happens to be larger today.
Bytes GrownBySize(const SizeSum& from, const SizeSum& to, Bytes grown, bool is_resized);

// The largest blocks that together have most of the bytes, at most 256.
void KeepLargest(std::vector<SurvivorBlock>* blocks);

}  // namespace memwhy::model
