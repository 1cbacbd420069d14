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

#include "agent/mark_block.h"
#include "agent/raw_memory.h"

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
      if (slot >> kIndexBits == number) return BlockOf(slot);
    }
  }
  // Makes it if there is none. Null: no room.
  MarkBlock* FindOrAdd(std::uintptr_t number) noexcept;
  // Blocks that were handed out: the first used() of at().
  std::size_t used() const noexcept { return used_->load(std::memory_order_acquire); }
  const MarkBlock& at(std::size_t index) const { return blocks_[index]; }
  void Release() noexcept;

 private:
  // A slot: the number, and the block's index + 1. Addresses of programs have at most 47 bits, and
  // more only where a program asks for them.
  static constexpr unsigned kIndexBits = 32;
  using Slot = std::atomic<std::uint64_t>;

  static std::size_t Hash(std::uintptr_t number) noexcept {
    return static_cast<std::size_t>(number * 0x9e3779b97f4a7c15ull >> 24);
  }
  MarkBlock* BlockOf(std::uint64_t slot) const noexcept {
    return &blocks_[(slot & ((std::uint64_t{1} << kIndexBits) - 1)) - 1];
  }

  void* memory_ = nullptr;  // all of the following, one behind the other
  std::size_t bytes_ = 0;
  std::atomic<std::uint64_t>* used_ = nullptr;
  Slot* slots_ = nullptr;  // a power of two, at most half in use
  std::size_t mask_ = 0;
  MarkBlock* blocks_ = nullptr;
  std::size_t most_ = 0;
};

}  // namespace memwhy::agent
