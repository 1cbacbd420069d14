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
  BlockId previous = kNoBlock;
  BlockId next = kNoBlock;
  std::uint32_t references = 0;
  std::uint32_t call = 0;  // the last call that named the block, to find doubles
  TenantId tenant = kDefaultTenant;
  std::uint8_t priority = 0;
  BlockState state = BlockState::kFree;
  bool has_hash = false;
};

// Doubly linked through the blocks: no operation allocates, each takes constant time.
class BlockList {
 public:
  void PushFront(std::vector<Block>& blocks, BlockId id) {
    Block& block = blocks[static_cast<std::size_t>(id)];
    block.previous = kNoBlock;
    block.next = front_;
    (front_ == kNoBlock ? back_ : blocks[static_cast<std::size_t>(front_)].previous) = id;
    front_ = id;
    ++size_;
  }
  void PushBack(std::vector<Block>& blocks, BlockId id) {
    Block& block = blocks[static_cast<std::size_t>(id)];
    block.next = kNoBlock;
    block.previous = back_;
    (back_ == kNoBlock ? front_ : blocks[static_cast<std::size_t>(back_)].next) = id;
    back_ = id;
    ++size_;
  }
  void Remove(std::vector<Block>& blocks, BlockId id) {
    const Block& block = blocks[static_cast<std::size_t>(id)];
    (block.previous == kNoBlock ? front_ : blocks[static_cast<std::size_t>(block.previous)].next) =
        block.next;
    (block.next == kNoBlock ? back_ : blocks[static_cast<std::size_t>(block.next)].previous) =
        block.previous;
    --size_;
  }
  BlockId front() const { return front_; }
  std::uint64_t size() const { return size_; }

 private:
  BlockId front_ = kNoBlock;
  BlockId back_ = kNoBlock;
  std::uint64_t size_ = 0;
};

}  // namespace memwhy::govern
