// SPDX-License-Identifier: Apache-2.0
#include "model/live/address_map.h"

#include <utility>

namespace memwhy::model {
namespace {

constexpr std::size_t kMinSlots = 64;

}  // namespace

AddressMap::AddressMap() : slots_(kMinSlots) {}

std::size_t AddressMap::Home(std::uint64_t address) const {
  std::uint64_t hash = address ^ (address >> 32);
  hash *= 0x9e3779b97f4a7c15u;
  hash ^= hash >> 29;
  return static_cast<std::size_t>(hash) & (slots_.size() - 1);
}

std::size_t AddressMap::Locate(std::uint64_t address) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = Home(address);
  while (slots_[at].address != 0 && slots_[at].address != address) at = (at + 1) & mask;
  return at;
}

Block AddressMap::BlockAt(const Slot& slot) const {
  return Block{slot.size == kBig ? big_.at(slot.address) : slot.size, slot.row};
}

void AddressMap::Resize(std::size_t slots) {
  std::vector<Slot> old(slots);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.address != 0) slots_[Locate(slot.address)] = slot;
  }
}

std::optional<Block> AddressMap::Insert(std::uint64_t address, Block block) {
  if (address == 0) {
    if (!zero_) ++size_;
    return std::exchange(zero_, block);
  }
  if ((size_ + 1) * 3 > slots_.size() * 2) Resize(slots_.size() * 2);
  Slot& slot = slots_[Locate(address)];
  std::optional<Block> previous;
  if (slot.address != 0) {
    previous = BlockAt(slot);
    if (slot.size == kBig) big_.erase(address);
  } else {
    ++size_;
  }
  const bool is_big = block.size >= kBig;
  if (is_big) big_[address] = block.size;
  slot = Slot{address, is_big ? kBig : static_cast<std::uint32_t>(block.size), block.row};
  return previous;
}

std::optional<Block> AddressMap::Erase(std::uint64_t address) {
  if (address == 0) {
    if (zero_) --size_;
    return std::exchange(zero_, std::nullopt);
  }
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = Locate(address);
  if (slots_[hole].address == 0) return std::nullopt;
  const Block block = BlockAt(slots_[hole]);
  if (slots_[hole].size == kBig) big_.erase(address);
  for (std::size_t next = (hole + 1) & mask; slots_[next].address != 0; next = (next + 1) & mask) {
    // An entry may move into the hole unless its home lies cyclically behind the hole.
    const std::size_t distance_from_home = (next - Home(slots_[next].address)) & mask;
    if (distance_from_home >= ((next - hole) & mask)) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = Slot{};
  --size_;
  if (slots_.size() > kMinSlots && size_ * 8 < slots_.size()) Resize(slots_.size() / 2);
  return block;
}

std::optional<Block> AddressMap::Find(std::uint64_t address) const {
  if (address == 0) return zero_;
  const Slot& slot = slots_[Locate(address)];
  if (slot.address == 0) return std::nullopt;
  return BlockAt(slot);
}

void AddressMap::Clear() { *this = AddressMap(); }

}  // namespace memwhy::model
