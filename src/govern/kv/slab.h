// SPDX-License-Identifier: Apache-2.0
//
// The memory that a pool's blocks lie in: one range of addresses, block after block. The range is
// as long as the pool may ever become; pages come with the first touch (host) or at once (pinned).
// The pool itself never reads or writes it.
#pragma once

#include <cstdint>

#include "govern/status.h"

namespace memwhy::govern {

enum class SlabKind : std::int32_t {
  kNone = 0,      // blocks are numbers only
  kHost = 1,      // anonymous memory of this process
  kPinned = 2,    // the same, locked in RAM (mlock); counts against RLIMIT_MEMLOCK
  kExternal = 3,  // the caller's memory, for example of a device; the caller keeps it
};

class Slab {
 public:
  Slab() = default;
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // For kExternal, `base` is the memory. kBadArgument if the size overflows, kOutOfMemory.
  Status Open(SlabKind kind, void* base, std::uint64_t blocks, std::uint64_t max_blocks,
              std::uint64_t block_bytes);
  // Locks the blocks from `from` up to `to` (pinned only).
  Status Grow(std::uint64_t from, std::uint64_t to);
  // Gives the pages of the blocks from `from` up to `to` back (host and pinned): their content is
  // gone.
  void Discard(std::uint64_t from, std::uint64_t to);

  SlabKind kind() const { return kind_; }
  std::uint64_t block_bytes() const { return block_bytes_; }
  // Null without a slab.
  void* Address(std::uint64_t block) const {
    return base_ == nullptr ? nullptr : static_cast<char*>(base_) + block * block_bytes_;
  }

 private:
  SlabKind kind_ = SlabKind::kNone;
  void* base_ = nullptr;
  std::uint64_t block_bytes_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace memwhy::govern
