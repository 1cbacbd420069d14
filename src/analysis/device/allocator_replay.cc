// SPDX-License-Identifier: Apache-2.0
#include "analysis/device/allocator_replay.h"

#include <algorithm>

namespace memwhy::analysis {
namespace {

// Address space of one expandable segment; it ends nowhere near.
constexpr Bytes kExpandableSpace = kLargeSegment << 25;

}  // namespace

AllocatorReplay::AllocatorReplay(const AllocatorSettings& settings, Bytes gc_limit)
    : settings_(settings), gc_limit_(gc_limit) {}

std::uint32_t AllocatorReplay::PoolOf(Bytes size, std::uint32_t stream, std::uint16_t pool) {
  const bool is_small = size <= kSmallRequest;
  const auto [it, is_new] =
      pool_ids_.try_emplace({stream, pool, is_small}, static_cast<std::uint32_t>(pools_.size()));
  if (is_new) pools_.emplace_back().is_small = is_small;
  return it->second;
}

std::uint32_t AllocatorReplay::NewBlock(const Block& block) {
  if (!unused_.empty()) {
    const std::uint32_t index = unused_.back();
    unused_.pop_back();
    blocks_[index] = block;
    return index;
  }
  blocks_.push_back(block);
  return static_cast<std::uint32_t>(blocks_.size() - 1);
}

void AllocatorReplay::DropBlock(std::uint32_t index) { unused_.push_back(index); }

void AllocatorReplay::Insert(std::uint32_t index) {
  Block& block = blocks_[index];
  Pool& pool = pools_[block.pool];
  if (!block.is_mapped) {
    pool.unmapped.emplace(block.address, index);
    return;
  }
  block.age_base = pool.searches;
  pool.free.emplace(block.size, block.address, index);
}

void AllocatorReplay::Remove(std::uint32_t index) {
  const Block& block = blocks_[index];
  Pool& pool = pools_[block.pool];
  if (!block.is_mapped) {
    pool.unmapped.erase(block.address);
  } else {
    pool.free.erase({block.size, block.address, index});
  }
}

void AllocatorReplay::Take(Bytes bytes) {
  reserved_ += bytes;
  peak_reserved_ = std::max(peak_reserved_, reserved_);
  ++device_calls_;
}

std::uint32_t AllocatorReplay::FindFree(Pool& pool, Bytes size) {
  ++pool.searches;
  auto it = pool.free.lower_bound({size, 0, 0});
  if (it == pool.free.end()) return kNone;
  if (settings_.is_expandable) {
    // The size of a block counts with what it can grow by.
    const auto reach = [this](const BySize& entry) {
      const Block& block = blocks_[std::get<2>(entry)];
      const bool grows = block.next != kNone && !blocks_[block.next].is_mapped;
      return block.size + (grows ? blocks_[block.next].size : 0);
    };
    for (auto next = std::next(it); next != pool.free.end() && reach(*next) < reach(*it); ++next) {
      it = next;
    }
  }
  const std::uint32_t index = std::get<2>(*it);
  if (settings_.max_split_size) {
    const Bytes max = *settings_.max_split_size;
    if (size < max && blocks_[index].size >= max) return kNone;
    if (size >= max && blocks_[index].size >= size + kLargeSegment) return kNone;
  }
  pool.free.erase(it);
  return index;
}

std::uint32_t AllocatorReplay::NewSegment(std::uint32_t pool, Bytes size) {
  const Bytes bytes = SegmentSizeFor(size);
  Take(bytes);
  const std::uint32_t index = NewBlock({.address = next_address_, .size = bytes, .pool = pool});
  next_address_ += bytes + kLargeSegment;
  return index;
}

bool AllocatorReplay::IsFree(std::uint32_t index) const {
  return index != kNone && !blocks_[index].is_allocated;
}

bool AllocatorReplay::HasRoom(std::uint32_t index, Bytes size) const {
  Bytes room = 0;
  while (room < size && IsFree(index)) {
    room += blocks_[index].size;
    index = blocks_[index].next;
  }
  return room >= size;
}

std::uint32_t AllocatorReplay::FindRoom(Pool& pool, Bytes size) const {
  for (const auto& [address, index] : pool.unmapped) {
    const std::uint32_t before = blocks_[index].previous;
    const std::uint32_t first = IsFree(before) ? before : index;
    if (HasRoom(first, size)) return first;
  }
  return kNone;
}

std::uint32_t AllocatorReplay::Expand(std::uint32_t pool_id, Bytes size) {
  std::uint32_t found = FindRoom(pools_[pool_id], size);
  if (found == kNone) {
    // Pages count from the beginning of the segment.
    next_address_ = (next_address_ + kLargeSegment - 1) / kLargeSegment * kLargeSegment;
    found = NewBlock({.address = next_address_,
                      .size = kExpandableSpace,
                      .pool = pool_id,
                      .is_mapped = false,
                      .is_expandable = true});
    next_address_ += kExpandableSpace;
    Insert(found);
  }
  if (!blocks_[found].is_mapped) Map(found, std::min(blocks_[found].size, size));
  while (blocks_[found].size < size) {
    const std::uint32_t next = blocks_[found].next;
    // Map merges `next` into the free block before it, so `found` stays.
    Map(next, std::min(size - blocks_[found].size, blocks_[next].size));
  }
  Remove(found);
  return found;
}

void AllocatorReplay::Map(std::uint32_t index, Bytes size) {
  Remove(index);
  const Bytes page = pools_[blocks_[index].pool].is_small ? kSmallSegment : kLargeSegment;
  const Bytes mapped = std::min((size + page - 1) / page * page, blocks_[index].size);
  if (mapped < blocks_[index].size) Insert(Cut(index, mapped));
  blocks_[index].is_mapped = true;
  Take(mapped);
  const std::uint32_t before = blocks_[index].previous;
  const std::uint32_t after = blocks_[index].next;
  if (IsFree(after) && blocks_[after].is_mapped) MergeWith(index, after);
  if (IsFree(before) && blocks_[before].is_mapped) {
    Remove(before);
    blocks_[before].size += blocks_[index].size;
    blocks_[before].next = blocks_[index].next;
    if (blocks_[before].next != kNone) blocks_[blocks_[before].next].previous = before;
    DropBlock(index);
    index = before;
  }
  Insert(index);
}

bool AllocatorReplay::ShouldSplit(const Pool& pool, const Block& block, Bytes size) const {
  const Bytes rest = block.size - size;
  if (pool.is_small || settings_.is_expandable) return rest >= kDeviceGranule;
  if (settings_.max_split_size && size >= *settings_.max_split_size) return false;
  return rest > kSmallRequest;
}

std::uint32_t AllocatorReplay::Cut(std::uint32_t index, Bytes size) {
  Block rest = blocks_[index];
  rest.address += size;
  rest.size -= size;
  rest.previous = index;
  rest.is_allocated = false;
  const std::uint32_t cut = NewBlock(rest);
  blocks_[index].size = size;
  blocks_[index].next = cut;
  if (rest.next != kNone) blocks_[rest.next].previous = cut;
  return cut;
}

void AllocatorReplay::MergeWith(std::uint32_t index, std::uint32_t neighbour) {
  if (!IsFree(neighbour) || blocks_[neighbour].is_mapped != blocks_[index].is_mapped) return;
  Remove(neighbour);
  Block& block = blocks_[index];
  const Block& other = blocks_[neighbour];
  if (other.address < block.address) {
    block.address = other.address;
    block.previous = other.previous;
    if (block.previous != kNone) blocks_[block.previous].next = index;
  } else {
    block.next = other.next;
    if (block.next != kNone) blocks_[block.next].previous = index;
  }
  block.size += other.size;
  DropBlock(neighbour);
}

void AllocatorReplay::CollectGarbage(Pool& pool) {
  const auto threshold =
      static_cast<Bytes>(settings_.gc_threshold * static_cast<double>(gc_limit_));
  if (reserved_ <= threshold) return;
  const Bytes wanted = reserved_ - threshold;
  std::vector<std::uint32_t> whole;
  double ages = 0;
  const auto age = [&](std::uint32_t index) {
    return static_cast<double>(pool.searches - blocks_[index].age_base);
  };
  for (const auto& [size, address, index] : pool.free) {
    if (!IsWhole(blocks_[index]) || blocks_[index].is_expandable) continue;
    whole.push_back(index);
    ages += age(index);
  }
  Bytes reclaimed = 0;
  bool has_freed = true;
  while (reclaimed < wanted && has_freed && !whole.empty()) {
    const double mean = ages / static_cast<double>(whole.size());
    has_freed = false;
    std::vector<std::uint32_t> kept;
    for (const std::uint32_t index : whole) {
      if (age(index) < mean) {
        kept.push_back(index);
        continue;
      }
      has_freed = true;
      ages -= age(index);
      reclaimed += blocks_[index].size;
      reserved_ -= blocks_[index].size;
      Remove(index);
      DropBlock(index);
    }
    whole = std::move(kept);
  }
}

AllocatorReplay::Handle AllocatorReplay::Allocate(Bytes requested, std::uint32_t stream,
                                                  std::uint16_t pool) {
  const Bytes size = RoundRequest(requested, settings_);
  const std::uint32_t id = PoolOf(size, stream, pool);
  std::uint32_t found = FindFree(pools_[id], size);
  if (found == kNone) {
    if (settings_.gc_threshold > 0 && !pools_[id].is_small) CollectGarbage(pools_[id]);
    found = settings_.is_expandable ? Expand(id, size) : NewSegment(id, size);
  }
  if (ShouldSplit(pools_[id], blocks_[found], size)) Insert(Cut(found, size));
  blocks_[found].is_allocated = true;
  return found;
}

void AllocatorReplay::Free(Handle handle) {
  blocks_[handle].is_allocated = false;
  MergeWith(handle, blocks_[handle].previous);
  MergeWith(handle, blocks_[handle].next);
  Insert(handle);
}

// The whole pages in a free block of an expandable segment become unmapped.
void AllocatorReplay::Unmap(std::uint32_t index) {
  const Bytes page = pools_[blocks_[index].pool].is_small ? kSmallSegment : kLargeSegment;
  const std::uint64_t begin = (blocks_[index].address + page - 1) / page * page;
  const std::uint64_t end = (blocks_[index].address + blocks_[index].size) / page * page;
  if (begin >= end) return;
  Remove(index);
  if (begin > blocks_[index].address) {
    const std::uint32_t rest = Cut(index, begin - blocks_[index].address);
    Insert(index);
    index = rest;
  }
  if (end < blocks_[index].address + blocks_[index].size) {
    Insert(Cut(index, end - blocks_[index].address));
  }
  blocks_[index].is_mapped = false;
  reserved_ -= end - begin;
  MergeWith(index, blocks_[index].previous);
  MergeWith(index, blocks_[index].next);
  Insert(index);
}

void AllocatorReplay::ReleaseCached() {
  std::vector<std::uint32_t> pages;
  for (Pool& pool : pools_) {
    for (auto it = pool.free.begin(); it != pool.free.end();) {
      const std::uint32_t index = std::get<2>(*it);
      if (blocks_[index].is_expandable) {
        pages.push_back(index);
        ++it;
      } else if (IsWhole(blocks_[index])) {
        reserved_ -= blocks_[index].size;
        it = pool.free.erase(it);
        DropBlock(index);
      } else {
        ++it;
      }
    }
  }
  for (const std::uint32_t index : pages) Unmap(index);
}

}  // namespace memwhy::analysis
