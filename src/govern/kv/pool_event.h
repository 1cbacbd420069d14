// SPDX-License-Identifier: Apache-2.0
//
// What happened in a pool that others must know: a router that keeps track of cached prefixes, a
// tenant that must give back. At most as many as were asked for are kept; what is too many is
// counted. The pool's lock guards the list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "govern/kv/block.h"

namespace memwhy::govern {

enum class PoolEventKind : std::int32_t {
  kCached = 0,    // block, hash
  kUncached = 1,  // block, hash: evicted, overwritten or reset
  kMark = 2,      // value: the tenant's new MarkLevel
  kGiveBack = 3,  // value: how many blocks the tenant owes now
  kResized = 4,   // value: the new size
};

struct PoolEvent {
  PoolEventKind kind = PoolEventKind::kCached;
  TenantId tenant = kDefaultTenant;
  BlockId block = kNoBlock;
  Hash128 hash;
  std::uint64_t value = 0;
  std::uint64_t time_ns = 0;  // of the pool's clock
};

class PoolEvents {
 public:
  explicit PoolEvents(std::size_t capacity) : capacity_(capacity) { kept_.reserve(capacity); }

  bool wanted() const { return capacity_ != 0; }
  void Add(const PoolEvent& event) {
    if (kept_.size() - taken_ >= capacity_) {
      ++lost_;
      return;
    }
    if (kept_.size() == capacity_) {
      kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(taken_));
      taken_ = 0;
    }
    kept_.push_back(event);
  }
  // The oldest ones; how many.
  std::size_t Take(std::span<PoolEvent> out) {
    std::size_t count = 0;
    while (count < out.size() && taken_ < kept_.size()) out[count++] = kept_[taken_++];
    if (taken_ == kept_.size()) {
      kept_.clear();
      taken_ = 0;
    }
    return count;
  }
  std::uint64_t lost() const { return lost_; }

 private:
  std::size_t capacity_;
  std::size_t taken_ = 0;
  std::uint64_t lost_ = 0;
  std::vector<PoolEvent> kept_;
};

}  // namespace memwhy::govern
