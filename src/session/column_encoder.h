// SPDX-License-Identifier: Apache-2.0
//
// Folds pieces of event streams into a block of columns (columns.h). The bytes may be hostile (they
// come from a target); memory: one block, and a few words per stream. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "session/address_model.h"
#include "session/column_buffer.h"
#include "session/columns.h"
#include "session/stream_decoder.h"

namespace memwhy::session {

struct OpenPiece {
  std::uint32_t process = 0;
  std::uint32_t thread = 0;
  std::uint64_t offset = 0;
  std::span<const std::uint8_t> bytes;
  TimePrecision precision = TimePrecision::kExact;
};

// Follows all streams of a session; pieces must come in the order of each stream. One thread.
class ColumnEncoder {
 public:
  ColumnEncoder();
  ~ColumnEncoder();

  // The block of these pieces, valid until the next call; nullptr when one of their streams does
  // not decode (now or in an earlier block).
  const std::vector<std::uint8_t>* Encode(std::span<const OpenPiece> pieces);
  // Something of these ticks is known from elsewhere: what comes later is not rounded below it.
  void KeepOrder(std::uint64_t ticks);

 private:
  struct Stream {
    StreamDecoder decoder;
    bool is_broken = false;
    bool has_time = false;  // its ticks are absolute: it has said its time
  };
  struct Head;

  bool AddPiece(const OpenPiece& piece);
  std::size_t AddRun(const OpenPiece& piece, std::size_t begin, Stream* stream, bool* is_good);
  void AddRecord(const Record& record, std::uint8_t tag);
  // Moves blocks taken and given back from the start of `bytes`, where the decoder stands, into the
  // columns; after the run's first time. Returns how many; the decoder stands behind them.
  std::uint64_t AddCommon(std::span<const std::uint8_t> bytes, StreamDecoder* decoder);
  void Time(std::uint64_t ticks);
  void Address(std::uint64_t address);
  void Token(std::uint8_t token, std::uint64_t address);
  void SizeAndStack(const Record& record, std::uint8_t tag);
  void Number(Column column, std::uint64_t value) {
    columns_[static_cast<std::size_t>(column)].Number(value);
  }
  std::uint8_t* Reserve(Column column, std::size_t bytes) {
    return columns_[static_cast<std::size_t>(column)].Reserve(bytes);
  }
  void SetEnd(Column column, std::uint8_t* end) {
    columns_[static_cast<std::size_t>(column)].SetEnd(end);
  }
  void Text(std::string_view text);
  void Byte(Column column, std::uint8_t value) {
    columns_[static_cast<std::size_t>(column)].Byte(value);
  }
  void Pack();

  struct Zstd;
  std::unique_ptr<Zstd> zstd_;
  std::unordered_map<std::uint64_t, Stream> streams_;  // by process << 32 | thread
  std::uint64_t latest_ = 0;                           // ticks, of all streams
  AddressModel model_;
  ColumnBuffer columns_[kColumnCount];
  std::vector<std::uint8_t> block_;
  // The run being written.
  std::uint64_t unit_ = 0;    // previous address >> 3
  std::uint64_t parent_ = 0;  // of the previous node
  std::uint64_t start_ticks_ = 0;
  std::uint64_t origin_ = 0;
  std::uint64_t rounded_ = 0;  // the last time written, in multiples after origin
  std::uint64_t pending_ = 0;  // the last time seen, not written yet
  std::uint64_t times_ = 0;
  unsigned shift_ = 0;
  bool may_round_ = false;
};

}  // namespace memwhy::session
