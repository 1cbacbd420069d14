// SPDX-License-Identifier: Apache-2.0
//
// The pool's note about one block, one cache line, and the lists that notes hang on. A block is
// always in exactly one state:
//
//   kFree     nobody holds it and nothing is known of its content: in the list of free blocks
//   kCached   nobody holds it, its content can be found by its hash: in an LRU list of its tenant
//   kHeld     references >= 1, in no list; its content may be found, too, if it has a hash
//   kRetired  nobody holds it and nobody gets it: beyond the size that a resize asked for
//
// No lock: the pool's lock guards all.
#pragma once

#include <cstdint>
#include <vector>

#include "govern/kv/sip_hash.h"
#include "govern/tenants/tenant_table.h"

namespace memwhy::govern {

using BlockId = std::int32_t;
inline constexpr BlockId kNoBlock = -1;
inline constexpr int kPriorities = 4;

enum class BlockState : std::uint8_t { kFree, kCached, kHeld, kRetired };

struct alignas(64) Block {
  Hash128 hash;
  std::uint64_t released = 0;  // counts releases: the lower, the longer unused
  std::uint32_t references = 0;
  std::uint32_t call = 0;  // the last call that named the block, to find doubles
  TenantId tenant = kDefaultTenant;
  std::uint8_t priority = 0;
  BlockState state = BlockState::kFree;
  bool has_hash = false;
};

// Neighbours in a list. They lie apart from the blocks, so that a walk ahead of an eviction stays
// in a small array.
struct BlockLinks {
  BlockId previous = kNoBlock;
  BlockId next = kNoBlock;
};

// Doubly linked by numbers: no operation allocates, each takes constant time.
class BlockList {
 public:
  void PushFront(std::vector<BlockLinks>& links, BlockId id) {
    At(links, id) = {kNoBlock, front_};
    (front_ == kNoBlock ? back_ : At(links, front_).previous) = id;
    front_ = id;
    ++size_;
  }
  void PushBack(std::vector<BlockLinks>& links, BlockId id) {
    At(links, id) = {back_, kNoBlock};
    (back_ == kNoBlock ? front_ : At(links, back_).next) = id;
    back_ = id;
    ++size_;
  }
  void Remove(std::vector<BlockLinks>& links, BlockId id) {
    const BlockLinks gone = At(links, id);
    (gone.previous == kNoBlock ? front_ : At(links, gone.previous).next) = gone.next;
    (gone.next == kNoBlock ? back_ : At(links, gone.next).previous) = gone.previous;
    --size_;
  }
  BlockId front() const { return front_; }
  std::uint64_t size() const { return size_; }

 private:
  static BlockLinks& At(std::vector<BlockLinks>& links, BlockId id) {
    return links[static_cast<std::size_t>(id)];
  }
  BlockId front_ = kNoBlock;
  BlockId back_ = kNoBlock;
  std::uint64_t size_ = 0;
};

}  // namespace memwhy::govern
