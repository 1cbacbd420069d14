// SPDX-License-Identifier: Apache-2.0
//
// What glibc's malloc heaps hold at a pass over the address space, by the blocks that were recorded
// as live then: what is free in each heap, what of it malloc_trim(0) would give back, and which
// block keeps the end of a heap from shrinking. No memory of the target is read. All numbers are
// resident bytes; chunks count with their headers. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "model/ledger/claims.h"
#include "model/recording.h"
#include "model/sites/window_view.h"

namespace memwhy::model {

// The chunk of a live block with its header; `in_heap`: it lies in one of FindMallocHeaps.
Claim ChunkOf(const LiveBlock& block, bool is_owned, bool in_heap);

struct MallocHeap {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool is_main = false;  // the one that brk made; others belong to arenas of threads
  Bytes resident = 0;
  Bytes free = 0;         // not in a live chunk
  Bytes top = 0;          // of free: behind the last live chunk
  Bytes trimmable = 0;    // of free: whole pages that malloc_trim(0) gives back
  Bytes largest_gap = 0;  // of free: the largest run between two live chunks
  // What lies above that run: blocks and their bytes, and the highest of them.
  std::uint64_t blocks_above = 0;
  Bytes bytes_above = 0;
  std::optional<LiveBlock> highest;
};

struct MallocView {
  std::vector<MallocHeap> heaps;  // by address
  Bytes resident = 0;
  Bytes free = 0;
  Bytes trimmable = 0;
};

// `blocks`: all that are live, by address. nullopt: resident pages were not read.
std::optional<MallocView> ViewMalloc(const MapsPass& pass, std::span<const LiveBlock> blocks);

}  // namespace memwhy::model
