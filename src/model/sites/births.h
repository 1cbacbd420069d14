// SPDX-License-Identifier: Apache-2.0
//
// When and from where the memory of objects and blocks was taken: the live blocks of a recording at
// the instant that a heap dump shows.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "model/sites/window_view.h"

namespace memwhy::model {

class Births {
 public:
  Births() = default;
  // `live` by address, as LiveBlocksAt gives them.
  explicit Births(std::vector<LiveBlock> live) : live_(std::move(live)) {}
  // The block that begins with the object or native block at `address`; null: its memory is older
  // than the recording, or was never recorded. CPython keeps freed floats, tuples, lists and dicts
  // for the next of their kind, so of those it is the birth of the memory.
  const LiveBlock* Find(std::uint64_t address) const;
  const std::vector<LiveBlock>& all() const { return live_; }  // by address

 private:
  std::vector<LiveBlock> live_;
};

}  // namespace memwhy::model
