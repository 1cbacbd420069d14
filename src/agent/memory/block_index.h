// SPDX-License-Identifier: Apache-2.0
//
// The live native blocks, as the recorder knows them, by address: which one holds a given byte?
#pragma once

#include <cstdint>

#include "agent/ground/raw_memory.h"

namespace memwhy::agent {

struct NativeBlock {
  std::uint64_t address;
  std::uint64_t size;
};

class BlockIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  BlockIndex() = default;
  ~BlockIndex() { Unload(); }
  BlockIndex(const BlockIndex&) = delete;
  BlockIndex& operator=(const BlockIndex&) = delete;

  // Maps the file of sorted {u64 address, u64 size}. False: not readable, or not sorted; then
  // empty.
  bool Load(const char* path) noexcept;
  void Unload() noexcept;

  std::uint32_t count() const { return count_; }
  const NativeBlock& block(std::uint32_t index) const { return blocks_[index]; }

  // The block that holds `address`, or kNone.
  std::uint32_t Find(std::uint64_t address) const noexcept;

  // What whoever walks has found out about a block, from 0.
  std::uint8_t state(std::uint32_t index) const { return states_.items[index]; }
  void SetState(std::uint32_t index, std::uint8_t state) { states_.items[index] = state; }

 private:
  struct Page {
    std::uint64_t number;  // address >> 12, plus 1; 0: empty slot
    std::uint32_t first;   // first block that reaches into the page
    std::uint32_t count;
  };
  Page* Slot(std::uint64_t number) const noexcept;

  const NativeBlock* blocks_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  std::uint32_t count_ = 0;
  RawArray<Page> pages_;
  std::size_t mask_ = 0;
  RawArray<std::uint8_t> states_;
};

}  // namespace memwhy::agent
