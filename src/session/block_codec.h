// SPDX-License-Identifier: Apache-2.0
//
// One block to bytes and back: checksum and compression, no files. Any thread, one codec each.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "session/format.h"

namespace memwhy::session {

class BlockEncoder {
 public:
  BlockEncoder();
  ~BlockEncoder();
  BlockEncoder(BlockEncoder&&) noexcept;
  BlockEncoder& operator=(BlockEncoder&&) noexcept;

  // Header and stored bytes of one block; valid until the next call. raw.size() must be within
  // kMaxBlockBytes.
  std::span<const std::uint8_t> Encode(BlockKind kind, std::span<const std::uint8_t> raw);

 private:
  struct Zstd;
  std::unique_ptr<Zstd> zstd_;
  std::vector<std::uint8_t> buffer_;
};

// What a header says that passed its own checks (magic and sizes); its checksum covers the bytes.
Result<void> CheckBlockHeader(const BlockHeader& header);
bool ChecksumFits(const BlockHeader& header, std::span<const std::uint8_t> stored);

class BlockDecoder {
 public:
  BlockDecoder();
  ~BlockDecoder();
  BlockDecoder(BlockDecoder&&) noexcept;
  BlockDecoder& operator=(BlockDecoder&&) noexcept;

  // The raw bytes of a block whose checksum fits, into `raw`.
  Result<void> Decode(const BlockHeader& header, std::span<const std::uint8_t> stored,
                      std::vector<std::uint8_t>* raw);

 private:
  struct Zstd;
  std::unique_ptr<Zstd> zstd_;
};

}  // namespace memwhy::session
