// SPDX-License-Identifier: Apache-2.0
#include "agent/mark_map.h"

namespace memwhy::agent {
namespace {
constexpr std::size_t kFirstCapacity = 1024;
}  // namespace

MarkMap::Block* MarkMap::Add(std::uintptr_t number) noexcept {
  if ((count_ + 1) * 2 > table_.capacity) {
    RawArray<Entry> wider;
    wider.capacity = table_.capacity == 0 ? kFirstCapacity : table_.capacity * 2;
    wider.items = static_cast<Entry*>(MapRaw(wider.capacity * sizeof(Entry)));
    if (wider.items == nullptr) {
      failed_ = true;
      return nullptr;
    }
    for (std::size_t i = 0; i < table_.capacity; ++i) {
      if (table_.items[i].block == nullptr) continue;
      std::size_t at = Hash(table_.items[i].number) & (wider.capacity - 1);
      while (wider.items[at].block != nullptr) at = (at + 1) & (wider.capacity - 1);
      wider.items[at] = table_.items[i];
    }
    FreeRaw(table_);
    table_ = wider;
  }
  if (slab_count_ == 0 || slab_used_ == kSlabBlocks) {
    auto* blocks = static_cast<Block*>(MapRaw(kSlabBlocks * sizeof(Block)));
    if (blocks == nullptr || !GrowRaw(slabs_, slab_count_ + 1)) {
      failed_ = true;
      return nullptr;
    }
    slabs_.items[slab_count_++] = {blocks};
    slab_used_ = 0;
  }
  Block* block = &slabs_.items[slab_count_ - 1].blocks[slab_used_++];
  block->number = number;
  std::size_t at = Hash(number) & (table_.capacity - 1);
  while (table_.items[at].block != nullptr) at = (at + 1) & (table_.capacity - 1);
  last_ = table_.items[at] = {number, block};
  ++count_;
  return block;
}

void MarkMap::Release() noexcept {
  for (std::size_t i = 0; i < slab_count_; ++i) {
    UnmapRaw(slabs_.items[i].blocks, kSlabBlocks * sizeof(Block));
  }
  FreeRaw(slabs_);
  FreeRaw(table_);
  slab_count_ = 0;
  count_ = 0;
  last_ = {};
}

}  // namespace memwhy::agent
