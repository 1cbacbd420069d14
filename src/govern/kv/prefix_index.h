// SPDX-License-Identifier: Apache-2.0
//
// From the hash of a prefix to the block with its content. Open addressing with linear probing, at
// most half full, so that a look-up touches one or two cache lines; entries hold part of the hash
// and the block's number, the whole hash and the tenant stand in the block. A tenant finds its own
// blocks only, whatever the hashes are. Allocates in Rebuild alone. The pool's lock guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "govern/kv/block.h"

namespace memwhy::govern {

class PrefixIndex {
 public:
  // Room for `capacity` entries, and the entries of all blocks that have a hash.
  void Rebuild(const std::vector<Block>& blocks, std::size_t capacity);

  // kNoBlock if there is none.
  BlockId Find(const std::vector<Block>& blocks, const Hash128& hash, TenantId tenant) const;
  // The block's hash and tenant are set, and Find does not know them yet.
  void Insert(const std::vector<Block>& blocks, BlockId id);
  // The block's hash and tenant are still those of Insert.
  void Remove(const std::vector<Block>& blocks, BlockId id);
  void Clear();

  std::size_t size() const { return size_; }
  // Asks the processor to fetch the place of a hash that is looked for soon.
  void Prefetch(const Hash128& hash, TenantId tenant) const {
    __builtin_prefetch(&slots_[Mix(hash, tenant) & mask_]);
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    BlockId id = kNoBlock;
  };

  // Its low bits are the entry's place.
  static std::uint32_t Mix(const Hash128& hash, TenantId tenant) {
    const std::uint64_t mixed =
        (hash.low ^ (hash.high << 1) ^ (tenant * 0x9e3779b97f4a7c15)) * 0xd6e8feb86659fd93;
    return static_cast<std::uint32_t>(mixed ^ (mixed >> 32));
  }

  std::vector<Slot> slots_ = std::vector<Slot>(2);
  std::size_t mask_ = 1;
  std::size_t size_ = 0;
};

}  // namespace memwhy::govern
