// SPDX-License-Identifier: Apache-2.0
//
// PyTorch's caching allocator once more, without a device: the same requests under other settings
// give the segments that it would have taken. It follows c10/cuda/CUDACachingAllocator.cpp: best
// fit in a pool, when a block is split and merged, expandable segments by pages, blocks above
// max_split_size kept whole, garbage collection by age. Not in it: the graph's own pools grow and
// shrink as the default pool, and a device that is full (no limit but that of the garbage
// collection). One thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "analysis/device/allocator_rules.h"
#include "base/bytes.h"

namespace memwhy::analysis {

class AllocatorReplay {
 public:
  using Handle = std::uint32_t;

  // `gc_limit`: what garbage_collection_threshold is a share of.
  AllocatorReplay(const AllocatorSettings& settings, Bytes gc_limit);

  Handle Allocate(Bytes requested, std::uint32_t stream, std::uint16_t pool);
  void Free(Handle handle);
  // What torch.cuda.empty_cache does.
  void ReleaseCached();

  Bytes reserved() const { return reserved_; }
  Bytes peak_reserved() const { return peak_reserved_; }
  std::uint64_t device_calls() const { return device_calls_; }  // that took memory

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Block {
    std::uint64_t address = 0;
    Bytes size = 0;
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    std::uint32_t pool = 0;
    std::uint64_t age_base = 0;
    bool is_allocated = false;
    bool is_mapped = true;
    bool is_expandable = false;
  };
  using BySize = std::tuple<Bytes, std::uint64_t, std::uint32_t>;
  // One stream's free blocks of one size class and one (private) pool.
  struct Pool {
    bool is_small = false;
    std::set<BySize> free;
    std::map<std::uint64_t, std::uint32_t> unmapped;  // by address; of expandable segments
    std::uint64_t searches = 0;
  };

  std::uint32_t PoolOf(Bytes size, std::uint32_t stream, std::uint16_t pool);
  std::uint32_t NewBlock(const Block& block);
  void DropBlock(std::uint32_t index);
  std::uint32_t FindFree(Pool& pool, Bytes size);
  std::uint32_t NewSegment(std::uint32_t pool, Bytes size);
  std::uint32_t Expand(std::uint32_t pool, Bytes size);
  std::uint32_t FindRoom(Pool& pool, Bytes size) const;
  bool HasRoom(std::uint32_t block, Bytes size) const;
  void Map(std::uint32_t block, Bytes size);
  void Unmap(std::uint32_t block);
  bool ShouldSplit(const Pool& pool, const Block& block, Bytes size) const;
  // Cuts the end of a block off; the new block is behind it.
  std::uint32_t Cut(std::uint32_t block, Bytes size);
  // Merges a neighbour into `block` if it is free and of its kind.
  void MergeWith(std::uint32_t block, std::uint32_t neighbour);
  bool IsFree(std::uint32_t block) const;
  bool IsWhole(const Block& block) const { return block.previous == kNone && block.next == kNone; }
  void Insert(std::uint32_t block);
  void Remove(std::uint32_t block);
  void CollectGarbage(Pool& pool);
  void Take(Bytes bytes);

  AllocatorSettings settings_;
  Bytes gc_limit_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> unused_;
  std::vector<Pool> pools_;
  std::map<std::tuple<std::uint32_t, std::uint16_t, bool>, std::uint32_t> pool_ids_;
  std::uint64_t next_address_ = std::uint64_t{1} << 32;
  Bytes reserved_ = 0;
  Bytes peak_reserved_ = 0;
  std::uint64_t device_calls_ = 0;
};

}  // namespace memwhy::analysis
