// SPDX-License-Identifier: Apache-2.0
//
// Reads blocks.mwy: once from start to end, and single blocks again later by their place. Checks
// everything; what is damaged ends the walk and is said. Positional reads, so that a file that
// shrinks under us is an error and no crash. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "session/block_codec.h"
#include "session/column_decoder.h"
#include "session/format.h"

namespace memwhy::session {

class BlockFile {
 public:
  struct Place {
    std::uint64_t offset = 0;  // of the header
    BlockHeader header{};
  };

  // Fails when there is no such file, or it is no session of a version that we know.
  // Looks at the first `limit` bytes only.
  static Result<BlockFile> Open(const std::string& path, std::uint64_t limit = UINT64_MAX);

  // Goes to the next block; false at the end and at damage. A block of columns is given as the
  // pieces that it unfolds to (format.h), always to the same bytes.
  bool Next(Place* place, std::vector<std::uint8_t>* raw);
  // One block again. Checked as in the walk.
  Result<void> Read(const Place& place, std::vector<std::uint8_t>* raw) const;

  // Header and stored bytes of a block as they stand in the file, checked.
  Result<void> ReadStored(const Place& place, std::vector<std::uint8_t>* stored) const;

  std::uint64_t size() const { return size_; }
  std::uint64_t offset() const { return offset_; }  // where Next goes on
  // After Next said false: "" at a clean end.
  const std::string& damage() const { return damage_; }
  // The damage is only that the last block is not whole.
  bool is_cut_off() const { return is_cut_off_; }

 private:
  explicit BlockFile(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<void> ReadBytes(std::uint64_t offset, std::span<std::uint8_t> into) const;
  bool Damaged(std::string what, bool cut_off);

  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t excess_ = 0;  // of the blocks that Next gave
  std::string damage_;
  bool is_cut_off_ = false;
  mutable BlockDecoder decoder_;
  mutable ColumnDecoder columns_;
  mutable std::vector<std::uint8_t> stored_;
};

}  // namespace memwhy::session
