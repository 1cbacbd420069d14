// SPDX-License-Identifier: Apache-2.0
//
// Unfolded blocks that several cursors of a replay are in, the latest used. Cursors copy their
// piece out, so few will do. Unfolding is bounded: pieces that jump among blocks become an error,
// not an endless replay. One thread.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "session/block_file.h"

namespace memwhy::session {

class BlockCache {
 public:
  // Unfolds no more than `most_bytes` in all. `file` outlives it.
  BlockCache(const BlockFile* file, std::uint64_t most_bytes) : file_(file), left_(most_bytes) {}

  // The raw bytes of a block, by its index; valid until the next call.
  Result<const std::vector<std::uint8_t>*> Get(std::uint32_t index, const BlockFile::Place& place);

 private:
  struct Slot {
    std::uint64_t used_at = 0;
    std::vector<std::uint8_t> raw;
  };
  void DropOldest();

  const BlockFile* file_;
  std::unordered_map<std::uint32_t, Slot> slots_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t left_;
  std::uint64_t clock_ = 0;
};

}  // namespace memwhy::session
