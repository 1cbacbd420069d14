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
  if (slab_count_ == 0 || slab_used_ == kSlabBlocks) {
    auto* blocks = static_cast<MarkBlock*>(MapRaw(kSlabBlocks * sizeof(MarkBlock)));
    if (blocks == nullptr || !GrowRaw(slabs_, slab_count_ + 1)) {
      failed_ = true;
      return nullptr;
    }
    slabs_.items[slab_count_++] = {blocks};
    slab_used_ = 0;
  }
  MarkBlock* block = &slabs_.items[slab_count_ - 1].blocks[slab_used_];
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
  for (std::size_t i = 0; i < slab_count_; ++i) {
    UnmapRaw(slabs_.items[i].blocks, kSlabBlocks * sizeof(MarkBlock));
  }
  FreeRaw(slabs_);
  table_.Release();
  shared_.Release();
  slab_count_ = 0;
  last_ = {};
}

}  // namespace memwhy::agent
