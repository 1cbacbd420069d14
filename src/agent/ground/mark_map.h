// SPDX-License-Identifier: Apache-2.0
//
// One bit per possible object, by address: two objects never begin in the same 16 bytes. Costs 1
// KiB per touched 64 KiB of address space, both sets of bits together. No malloc; one thread, or
// after Share one of each process.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/mark_block.h"
#include "agent/ground/raw_list.h"
#include "agent/ground/raw_table.h"
#include "agent/ground/shared_blocks.h"

namespace memwhy::agent {

class MarkMap {
 public:
  ~MarkMap() { Release(); }

  // Before the first mark. A process cloned from this one sees its marks from then on, and it the
  // clone's: of two that set the same bit one is told that it was not set before. `most`: 64 KiB of
  // addresses that may be touched. False: no memory; nothing has changed.
  bool Share(std::size_t most) noexcept { return shared_.Start(most); }

  bool IsSeen(std::uintptr_t address) noexcept {
    const MarkBlock* block = Find(address);
    return block != nullptr && Test(block->seen, address);
  }
  // True when the bit was not set before. False also when memory runs out: then failed().
  bool See(std::uintptr_t address) noexcept {
    MarkBlock* block = FindOrAdd(address);
    return block != nullptr && Set(block->seen, address);
  }
  // A second, independent bit: the text of this object was written.
  bool Name(std::uintptr_t address) noexcept {
    MarkBlock* block = FindOrAdd(address);
    return block != nullptr && Set(block->named, address);
  }
  // The last address before this one whose first bit is set, within the same 64 KiB; 0: none.
  std::uintptr_t SeenBefore(std::uintptr_t address) noexcept {
    const MarkBlock* block = Find(address);
    if (block == nullptr) return 0;
    std::size_t bit = (address >> 4) & 4095;
    while (bit-- > 0) {
      if ((block->seen[bit >> 6] >> (bit & 63) & 1) != 0) {
        return (address & ~std::uintptr_t{0xffff}) | bit << 4;
      }
    }
    return 0;
  }
  // The last address up to this one whose first bit is set, at most `most` bytes before; 0: none.
  std::uintptr_t SeenUpTo(std::uintptr_t address, std::uintptr_t most) noexcept {
    if (IsSeen(address)) return address & ~std::uintptr_t{15};
    for (std::uintptr_t at = address;; at = (at & ~std::uintptr_t{0xffff}) - 16) {
      const std::uintptr_t seen = IsSeen(at) ? at & ~std::uintptr_t{15} : SeenBefore(at);
      if (seen != 0) return address - seen <= most ? seen : 0;
      if (address - (at & ~std::uintptr_t{0xffff}) >= most) return 0;
    }
  }
  // visit(address) of each whose first bit is set, in no order; until it returns false.
  template <typename Visit>
  void EachSeen(const Visit& visit) const noexcept {
    const std::size_t count = shared_.is_started() ? shared_.used() : table_.used();
    for (std::size_t i = 0; i < count; ++i) {
      const MarkBlock& block =
          shared_.is_started() ? shared_.at(i) : slabs_[i / kSlabBlocks].blocks[i % kSlabBlocks];
      for (std::size_t word = 0; word < MarkBlock::kWords; ++word) {
        for (std::uint64_t bits = block.seen[word]; bits != 0; bits &= bits - 1) {
          const auto bit = word * 64 + static_cast<std::size_t>(__builtin_ctzll(bits));
          if (!visit(block.number << 16 | bit << 4)) return;
        }
      }
    }
  }
  bool failed() const { return failed_; }
  void Release() noexcept;

 private:
  static constexpr std::size_t kSlabBlocks = 512;
  struct Slab {
    MarkBlock* blocks;
  };

  static bool Test(const std::uint64_t* bits, std::uintptr_t address) noexcept {
    const std::size_t bit = (address >> 4) & 4095;
    return ((bits[bit >> 6] >> (bit & 63)) & 1) != 0;
  }
  bool Set(std::uint64_t* bits, std::uintptr_t address) const noexcept {
    const std::size_t bit = (address >> 4) & 4095;
    const std::uint64_t mask = std::uint64_t{1} << (bit & 63);
    std::uint64_t& word = bits[bit >> 6];
    if ((word & mask) != 0) return false;
    if (shared_.is_started()) return (__atomic_fetch_or(&word, mask, __ATOMIC_RELAXED) & mask) == 0;
    word |= mask;
    return true;
  }
  // The number beside the pointer: most blocks that are asked for are not in the cache.
  struct Entry {
    std::uintptr_t number;
    MarkBlock* block;  // null: free
    std::uintptr_t key() const { return number; }
    bool is_used() const { return block != nullptr; }
    static std::size_t Hash(std::uintptr_t number) {
      return static_cast<std::size_t>(number * 0x9e3779b97f4a7c15ull >> 24);
    }
  };
  MarkBlock* Find(std::uintptr_t address) noexcept {
    const std::uintptr_t number = address >> 16;
    if (last_.number == number) return last_.block;
    if (shared_.is_started()) {
      MarkBlock* block = shared_.Find(number);
      if (block != nullptr) last_ = {number, block};
      return block;
    }
    const Entry* entry = table_.Find(number);
    return entry == nullptr ? nullptr : (last_ = *entry).block;
  }
  MarkBlock* FindOrAdd(std::uintptr_t address) noexcept {
    MarkBlock* block = Find(address);
    return block != nullptr ? block : Add(address >> 16);
  }
  MarkBlock* Add(std::uintptr_t number) noexcept;

  SharedBlocks shared_;  // started: the following are not used
  RawTable<Entry> table_;
  RawList<Slab> slabs_;
  std::size_t slab_used_ = 0;
  Entry last_ = {};  // found last; number 0 is no block's, nothing lives there
  bool failed_ = false;
};

}  // namespace memwhy::agent
