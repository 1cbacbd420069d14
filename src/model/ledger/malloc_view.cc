// SPDX-License-Identifier: Apache-2.0
#include "model/ledger/malloc_view.h"

#include <algorithm>

#include "model/ledger/mapping_kind.h"
#include "model/live/mapping_set.h"

namespace memwhy::model {
namespace {

constexpr std::uint64_t kChunkHeader = 16;  // glibc: size word and the previous chunk's last word
constexpr std::uint64_t kMinChunk = 32;
// glibc's mtrim leaves the first bytes of a free chunk, where its links are.
constexpr std::uint64_t kFreeHead = 48;

class HeapView {
 public:
  HeapView(const Residency& residency, MallocHeap* heap) : residency_(residency), heap_(heap) {
    heap_->resident = residency_.BytesIn(heap_->begin, heap_->end);
    at_ = heap_->begin;
  }

  void Add(const LiveBlock& block) {
    const Claim chunk = ChunkOf(block, true, true);
    Gap(std::max(at_, heap_->begin), std::min(chunk.begin, heap_->end));
    in_use_ += residency_.BytesIn(std::max(chunk.begin, at_), std::min(chunk.end, heap_->end));
    at_ = std::max(at_, std::min(chunk.end, heap_->end));
    ++heap_->blocks_above;
    heap_->bytes_above += chunk.end - chunk.begin;
    heap_->highest = block;
  }

  void Close() {
    heap_->top = residency_.BytesIn(at_, heap_->end);
    // Only the main heap's top is cut by malloc_trim.
    if (heap_->is_main) heap_->trimmable += WholePages(at_ + kChunkHeader, heap_->end);
    heap_->free = heap_->resident - std::min(heap_->resident, in_use_);
    if (heap_->largest_gap == 0) {
      heap_->blocks_above = 0;
      heap_->bytes_above = 0;
    }
  }

 private:
  void Gap(std::uint64_t begin, std::uint64_t end) {
    if (begin >= end) return;
    // What stands before the first chunk is the arena's own.
    if (heap_->highest || heap_->is_main) heap_->trimmable += WholePages(begin + kFreeHead, end);
    const Bytes bytes = residency_.BytesIn(begin, end);
    if (bytes <= heap_->largest_gap) return;
    heap_->largest_gap = bytes;
    heap_->blocks_above = 0;
    heap_->bytes_above = 0;
  }

  Bytes WholePages(std::uint64_t begin, std::uint64_t end) const {
    begin = PageUp(begin);
    end = PageDown(end);
    return begin < end ? residency_.BytesIn(begin, end) : 0;
  }

  const Residency& residency_;
  MallocHeap* heap_;
  std::uint64_t at_ = 0;
  Bytes in_use_ = 0;
};

}  // namespace

Claim ChunkOf(const LiveBlock& block, bool is_owned, bool in_heap) {
  const std::uint64_t begin = block.address - std::min(kChunkHeader, block.address);
  const bool has_own_mapping = !in_heap && (begin % kOsPage == 0 || block.size >= kMmapThreshold);
  if (has_own_mapping) {
    return {PageDown(begin), PageUp(AddSaturating(block.address, block.size)),
            ClaimKind::kMallocMapped, is_owned, 0};
  }
  const std::uint64_t with_header = AddSaturating(block.size, 8 + kChunkHeader - 1);
  const std::uint64_t chunk = std::max(kMinChunk, with_header / 16 * 16);
  return {begin, AddSaturating(begin, chunk), ClaimKind::kMallocChunk, is_owned, 0};
}

std::optional<MallocView> ViewMalloc(const MapsPass& pass, std::span<const LiveBlock> blocks) {
  if (!pass.residency_known) return std::nullopt;
  const Residency residency(pass.resident);
  std::uint64_t main_heap = 0;
  for (const Mapping& mapping : pass.mappings) {
    if (mapping.name == "[heap]" && main_heap == 0) main_heap = mapping.begin;
  }
  MallocView view;
  auto block = blocks.begin();
  for (const Claim& claim : FindMallocHeaps(pass.mappings, blocks)) {
    MallocHeap heap;
    heap.begin = claim.begin;
    heap.end = claim.end;
    heap.is_main = claim.begin == main_heap;
    HeapView one(residency, &heap);
    while (block != blocks.end() && block->address < claim.begin) ++block;
    for (; block != blocks.end() && block->address < claim.end; ++block) {
      if (IsMallocBlock(*block)) one.Add(*block);
    }
    one.Close();
    if (heap.resident == 0) continue;
    view.resident += heap.resident;
    view.free += heap.free;
    view.trimmable += heap.trimmable;
    view.heaps.push_back(heap);
  }
  return view;
}

}  // namespace memwhy::model
