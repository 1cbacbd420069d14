// SPDX-License-Identifier: Apache-2.0
//
// From an object's address to its number, for many millions: one bit for each 16 bytes of touched
// address space, ranks beside them, and one number per object. About 5 bytes per object.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace memwhy::model {

class AddressIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  AddressIndex() = default;
  // Numbers are positions in `addresses`, plus `first`. Of two in the same 16 bytes the first one
  // stays; the others are counted.
  AddressIndex(std::span<const std::uint64_t> addresses, std::uint32_t first);

  // The number of the object at exactly this address, or kNone. `addresses` is that of the
  // constructor.
  std::uint32_t Find(std::uint64_t address, std::span<const std::uint64_t> addresses) const {
    const std::uint32_t slot = Slot(address);
    if (slot == kNone) return kNone;
    const std::uint32_t number = numbers_[slot];
    return addresses[number - first_] == address ? number : kNone;
  }
  std::uint64_t duplicates() const { return duplicates_; }

 private:
  struct Block {
    std::uint64_t number = 0;  // address >> 16
    std::uint32_t base = 0;    // objects in the blocks before it
    std::uint16_t rank[64] = {};
    std::uint64_t bits[64] = {};
  };
  const Block* FindBlock(std::uint64_t number) const;
  Block& FindOrAddBlock(std::uint64_t number);
  void Grow();
  std::uint32_t Slot(std::uint64_t address) const;
  static std::size_t Hash(std::uint64_t number) {
    return static_cast<std::size_t>(number * 0x9e3779b97f4a7c15ull >> 24);
  }

  std::vector<Block> blocks_;
  std::vector<std::uint32_t> table_;  // open addressing: block + 1
  std::vector<std::uint32_t> numbers_;
  std::uint32_t first_ = 0;
  std::uint64_t duplicates_ = 0;
};

}  // namespace memwhy::model
