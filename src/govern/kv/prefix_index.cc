// SPDX-License-Identifier: Apache-2.0
#include "govern/kv/prefix_index.h"

#include <algorithm>
#include <bit>

namespace memwhy::govern {

void PrefixIndex::Rebuild(const std::vector<Block>& blocks, std::size_t capacity) {
  std::vector<Slot> slots(std::bit_ceil(std::max<std::size_t>(capacity, 1) * 2));
  slots_ = std::move(slots);
  mask_ = slots_.size() - 1;
  size_ = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].has_hash) Insert(blocks, static_cast<BlockId>(i));
  }
}

BlockId PrefixIndex::Find(const std::vector<Block>& blocks, const Hash128& hash,
                          TenantId tenant) const {
  const std::uint32_t tag = Mix(hash, tenant);
  for (std::size_t at = tag & mask_;; at = (at + 1) & mask_) {
    const Slot& slot = slots_[at];
    if (slot.id == kNoBlock) return kNoBlock;
    if (slot.tag != tag) continue;
    const Block& block = blocks[static_cast<std::size_t>(slot.id)];
    if (block.hash == hash && block.tenant == tenant) return slot.id;
  }
}

void PrefixIndex::Insert(const std::vector<Block>& blocks, BlockId id) {
  const Block& block = blocks[static_cast<std::size_t>(id)];
  const std::uint32_t tag = Mix(block.hash, block.tenant);
  std::size_t at = tag & mask_;
  while (slots_[at].id != kNoBlock) at = (at + 1) & mask_;
  slots_[at] = {tag, id};
  ++size_;
}

// Closes the gap: an entry behind it moves in if its own place lies at or before the gap, so no
// tombstones remain. (Knuth, The Art of Computer Programming, volume 3, 6.4, algorithm R.)
void PrefixIndex::Remove(const std::vector<Block>& blocks, BlockId id) {
  const Block& block = blocks[static_cast<std::size_t>(id)];
  std::size_t gap = Mix(block.hash, block.tenant) & mask_;
  while (slots_[gap].id != id) {
    if (slots_[gap].id == kNoBlock) return;
    gap = (gap + 1) & mask_;
  }
  for (std::size_t at = (gap + 1) & mask_; slots_[at].id != kNoBlock; at = (at + 1) & mask_) {
    const std::size_t home = slots_[at].tag & mask_;
    if (((at - home) & mask_) >= ((at - gap) & mask_)) {
      slots_[gap] = slots_[at];
      gap = at;
    }
  }
  slots_[gap] = {};
  --size_;
}

void PrefixIndex::Clear() {
  std::fill(slots_.begin(), slots_.end(), Slot{});
  size_ = 0;
}

}  // namespace memwhy::govern
