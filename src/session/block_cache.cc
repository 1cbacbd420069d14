// SPDX-License-Identifier: Apache-2.0
#include "session/block_cache.h"

#include <utility>

namespace memwhy::session {
namespace {

// Of 64 full blocks: 6 s of a recording and more.
constexpr std::uint64_t kHeldBytes = 16u << 20;
constexpr std::uint64_t kSlotBytes = 4096;  // blocks may be tiny

}  // namespace

Result<const std::vector<std::uint8_t>*> BlockCache::Get(std::uint32_t index,
                                                         const BlockFile::Place& place) {
  const auto found = slots_.find(index);
  if (found != slots_.end()) {
    found->second.used_at = ++clock_;
    return &found->second.raw;
  }
  while (held_bytes_ >= kHeldBytes) DropOldest();
  std::vector<std::uint8_t> raw;
  MEMWHY_TRY_VOID(file_->Read(place, &raw));
  if (raw.size() > left_) return Error("its pieces are in no order that can be followed");
  left_ -= raw.size();
  held_bytes_ += raw.size() + kSlotBytes;
  Slot& slot = slots_[index];
  slot = {++clock_, std::move(raw)};
  return &slot.raw;
}

void BlockCache::DropOldest() {
  auto oldest = slots_.begin();
  for (auto slot = slots_.begin(); slot != slots_.end(); ++slot) {
    if (slot->second.used_at < oldest->second.used_at) oldest = slot;
  }
  held_bytes_ -= oldest->second.raw.size() + kSlotBytes;
  slots_.erase(oldest);
}

}  // namespace memwhy::session
