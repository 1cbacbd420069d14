// SPDX-License-Identifier: Apache-2.0
//
// What MarkMap keeps for 64 KiB of addresses, in memory that two processes share: found by number,
// made by whoever needs it first, never taken back. Room is set aside at the start, for both can
// see no mapping that one of them makes later; the kernel gives pages only to what is used. No
// malloc; any number of processes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "agent/ground/mark_block.h"
#include "agent/ground/raw_memory.h"

namespace memwhy::agent {

class SharedBlocks {
 public:
  ~SharedBlocks() { Release(); }
  // Room for `most` blocks. False: no memory.
  bool Start(std::size_t most) noexcept;
  bool is_started() const { return slots_ != nullptr; }
  // Null: there is none.
  MarkBlock* Find(std::uintptr_t number) const noexcept {
    for (std::size_t at = Hash(number);; ++at) {
      const std::uint64_t slot = slots_[at & mask_].load(std::memory_order_acquire);
      if (slot == 0) return nullptr;
      if (IsOf(slot, number)) return BlockOf(slot);
    }
  }
  // Makes it if there is none. Null: no room.
  MarkBlock* FindOrAdd(std::uintptr_t number) noexcept;
  // Blocks that were handed out: the first used() of at().
  std::size_t used() const noexcept { return used_->load(std::memory_order_acquire); }
  const MarkBlock& at(std::size_t index) const { return blocks_[index]; }
  void Release() noexcept;

 private:
  // A slot: the low half of the number, whether it has a high one (an address of a device may),
  // and the block's index + 1.
  static constexpr unsigned kHalf = 32;
  static constexpr std::uint64_t kIsHigh = std::uint64_t{1} << (kHalf - 1);
  static constexpr std::uint64_t kIndex = kIsHigh - 1;
  // Numbers that differ in these bits alone have their slots side by side, in one page: what is
  // touched of the slots follows what is touched of the memory.
  static constexpr unsigned kNearBits = 9;
  using Slot = std::atomic<std::uint64_t>;

  static std::size_t Hash(std::uintptr_t number) noexcept {
    constexpr std::uintptr_t kNear = (std::uintptr_t{1} << kNearBits) - 1;
    const std::uintptr_t far = (number >> kNearBits) * 0x9e3779b97f4a7c15ull >> 24;
    return static_cast<std::size_t>(far << kNearBits | (number & kNear));
  }
  // The slot of a number, without the index.
  static std::uint64_t KeyOf(std::uintptr_t number) noexcept {
    return number << kHalf | (number >> kHalf != 0 ? kIsHigh : 0);
  }
  bool IsOf(std::uint64_t slot, std::uintptr_t number) const noexcept {
    return (slot & ~kIndex) == KeyOf(number) &&
           ((slot & kIsHigh) == 0 || BlockOf(slot)->number == number);
  }
  MarkBlock* BlockOf(std::uint64_t slot) const noexcept { return &blocks_[(slot & kIndex) - 1]; }

  void* memory_ = nullptr;  // all of the following, one behind the other
  std::size_t bytes_ = 0;
  std::atomic<std::uint64_t>* used_ = nullptr;
  Slot* slots_ = nullptr;  // a power of two, at most half in use
  std::size_t mask_ = 0;
  MarkBlock* blocks_ = nullptr;
  std::size_t most_ = 0;
};

}  // namespace memwhy::agent
