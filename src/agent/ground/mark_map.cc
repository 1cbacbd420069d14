// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/mark_map.h"

namespace memwhy::agent {

MarkBlock* MarkMap::Add(std::uintptr_t number) noexcept {
  if (shared_.is_started()) {
    MarkBlock* block = shared_.FindOrAdd(number);
    if (block == nullptr) failed_ = true;
    if (block != nullptr) last_ = {number, block};
    return block;
  }
  if (slabs_.is_empty() || slab_used_ == kSlabBlocks) {
    auto* blocks = static_cast<MarkBlock*>(MapRaw(kSlabBlocks * sizeof(MarkBlock)));
    if (blocks == nullptr || !slabs_.Push({blocks})) {
      if (blocks != nullptr) UnmapRaw(blocks, kSlabBlocks * sizeof(MarkBlock));
      failed_ = true;
      return nullptr;
    }
    slab_used_ = 0;
  }
  MarkBlock* block = &slabs_.last().blocks[slab_used_];
  block->number = number;
  const Entry* entry = table_.Add({number, block});
  if (entry == nullptr) {
    failed_ = true;
    return nullptr;
  }
  ++slab_used_;
  last_ = *entry;
  return block;
}

void MarkMap::Release() noexcept {
  for (const Slab& slab : slabs_) UnmapRaw(slab.blocks, kSlabBlocks * sizeof(MarkBlock));
  slabs_.Release();
  table_.Release();
  shared_.Release();
  last_ = {};
}

}  // namespace memwhy::agent
