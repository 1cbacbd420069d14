// SPDX-License-Identifier: Apache-2.0
#include "model/live/address_index.h"

#include <bit>

namespace memwhy::model {
namespace {

std::size_t WordOf(std::uint64_t address) { return (address >> 10) & 63; }
std::uint64_t BitOf(std::uint64_t address) { return std::uint64_t{1} << ((address >> 4) & 63); }

}  // namespace

AddressIndex::AddressIndex(std::span<const std::uint64_t> addresses, std::uint32_t first)
    : first_(first) {
  table_.resize(1024);
  for (const std::uint64_t address : addresses) {
    Block& block = FindOrAddBlock(address >> 16);
    std::uint64_t& word = block.bits[WordOf(address)];
    if ((word & BitOf(address)) != 0) ++duplicates_;
    word |= BitOf(address);
  }
  std::uint32_t total = 0;
  for (Block& block : blocks_) {
    block.base = total;
    std::uint32_t in_block = 0;
    for (int i = 0; i < 64; ++i) {
      block.rank[i] = static_cast<std::uint16_t>(in_block);
      in_block += static_cast<std::uint32_t>(std::popcount(block.bits[i]));
    }
    total += in_block;
  }
  numbers_.assign(total, kNone);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    std::uint32_t& number = numbers_[Slot(addresses[i])];
    if (number == kNone) number = first + static_cast<std::uint32_t>(i);
  }
}

const AddressIndex::Block* AddressIndex::FindBlock(std::uint64_t number) const {
  if (table_.empty()) return nullptr;
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = Hash(number) & mask; table_[at] != 0; at = (at + 1) & mask) {
    const Block& block = blocks_[table_[at] - 1];
    if (block.number == number) return &block;
  }
  return nullptr;
}

AddressIndex::Block& AddressIndex::FindOrAddBlock(std::uint64_t number) {
  if (!blocks_.empty() && blocks_.back().number == number) return blocks_.back();
  if (const Block* found = FindBlock(number))
    return blocks_[static_cast<std::size_t>(found - blocks_.data())];
  if ((blocks_.size() + 1) * 2 > table_.size()) Grow();
  blocks_.emplace_back();
  blocks_.back().number = number;
  const std::size_t mask = table_.size() - 1;
  std::size_t at = Hash(number) & mask;
  while (table_[at] != 0) at = (at + 1) & mask;
  table_[at] = static_cast<std::uint32_t>(blocks_.size());
  return blocks_.back();
}

void AddressIndex::Grow() {
  std::vector<std::uint32_t> wider(table_.size() * 2);
  const std::size_t mask = wider.size() - 1;
  for (const std::uint32_t entry : table_) {
    if (entry == 0) continue;
    std::size_t at = Hash(blocks_[entry - 1].number) & mask;
    while (wider[at] != 0) at = (at + 1) & mask;
    wider[at] = entry;
  }
  table_ = std::move(wider);
}

std::uint32_t AddressIndex::Slot(std::uint64_t address) const {
  const Block* block = FindBlock(address >> 16);
  if (block == nullptr) return kNone;
  const std::size_t word = WordOf(address);
  const std::uint64_t bit = BitOf(address);
  if ((block->bits[word] & bit) == 0) return kNone;
  return block->base + block->rank[word] +
         static_cast<std::uint32_t>(std::popcount(block->bits[word] & (bit - 1)));
}

}  // namespace memwhy::model
