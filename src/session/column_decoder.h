// SPDX-License-Identifier: Apache-2.0
//
// Unfolds a block of columns (columns.h). Hostile input; memory: one block. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "session/columns.h"

namespace memwhy::session {

class ColumnDecoder {
 public:
  ColumnDecoder();
  ~ColumnDecoder();
  ColumnDecoder(ColumnDecoder&&) noexcept;
  ColumnDecoder& operator=(ColumnDecoder&&) noexcept;

  // Unfolds a block (hostile input) to the bytes of a block of kPieces.
  Result<void> Decode(std::span<const std::uint8_t> block, std::vector<std::uint8_t>* raw);
  // Of the columns of that block, for ExcessOf (format.h).
  std::uint64_t unpacked_bytes() const;

 private:
  struct Cursor;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memwhy::session
