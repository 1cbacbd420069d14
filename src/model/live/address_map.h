// SPDX-License-Identifier: Apache-2.0
//
// Live blocks by address: an open-addressing table with linear probing. Erasing shifts later
// entries back, so there are no tombstones, and the table shrinks: memory is bound by the blocks
// alive now, whatever came and went. 16 bytes per slot, two thirds full at most. Copyable (a fork
// copies it). Not thread-safe. Sizes of 4 GiB and more live in a side table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace memwhy::model {

struct Block {
  std::uint64_t size = 0;  // requested bytes
  std::uint32_t row = 0;   // what the view books it to: a site, or a record of its own
};

class AddressMap {
 public:
  AddressMap();

  // Puts a block at `address`; returns the one that was there, if any.
  std::optional<Block> Insert(std::uint64_t address, Block block);
  // Takes the block at `address` out.
  std::optional<Block> Erase(std::uint64_t address);
  std::optional<Block> Find(std::uint64_t address) const;

  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return slots_.capacity() * sizeof(Slot); }
  void Clear();

  // Calls visit(address, Block), in no useful order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.address != 0) visit(slot.address, BlockAt(slot));
    }
    if (zero_) visit(std::uint64_t{0}, *zero_);
  }

  // Sets each block's row to translate(row).
  template <typename Translate>
  void TranslateRows(Translate translate) {
    for (Slot& slot : slots_) {
      if (slot.address != 0) slot.row = translate(slot.row);
    }
    if (zero_) zero_->row = translate(zero_->row);
  }

 private:
  struct Slot {
    std::uint64_t address;  // 0: free
    std::uint32_t size;     // kBig: in big_
    std::uint32_t row;
  };
  static_assert(sizeof(Slot) == 16);
  static constexpr std::uint32_t kBig = UINT32_MAX;

  std::size_t Home(std::uint64_t address) const;
  std::size_t Locate(std::uint64_t address) const;  // its slot, or the free one where it would go
  Block BlockAt(const Slot& slot) const;
  void Resize(std::size_t slots);

  std::vector<Slot> slots_;  // a power of two
  std::size_t size_ = 0;     // the block at address 0 included
  std::unordered_map<std::uint64_t, std::uint64_t> big_;
  std::optional<Block> zero_;  // address 0 marks free slots; hostile input may still name it
};

}  // namespace memwhy::model
