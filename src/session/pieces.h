// SPDX-License-Identifier: Apache-2.0
//
// Takes an (unfolded) block of pieces apart and puts one together (grammar: format.h). Reading:
// hostile input. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "session/format.h"
#include "wire/varint.h"

namespace memwhy::session {

struct Piece {
  std::uint32_t process = 0;
  std::uint32_t thread = 0;
  std::uint64_t offset = 0;        // in the stream
  std::uint64_t stream_bytes = 0;  // how many bytes of the stream it stands for
  std::span<const std::uint8_t> bytes;
};

// Writes the head of a piece whose `length` bytes follow.
inline void AppendPieceHead(std::uint32_t process, std::uint32_t thread, std::uint64_t offset,
                            std::uint64_t stream_bytes, std::uint64_t length,
                            std::vector<std::uint8_t>* raw) {
  std::uint8_t head[5 * wire::kMaxVarintBytes];
  std::uint8_t* end = head;
  for (const std::uint64_t number :
       {std::uint64_t{process}, std::uint64_t{thread}, offset, stream_bytes, length}) {
    end = wire::PutVarint(end, number);
  }
  raw->insert(raw->end(), head, end);
}

class PieceReader {
 public:
  explicit PieceReader(std::span<const std::uint8_t> raw)
      : begin_(raw.data()), cursor_(raw.data()), end_(raw.data() + raw.size()) {}

  // False at the end of the block and at damage (then is_damaged()).
  bool Next(Piece* piece) {
    if (cursor_ == end_ || is_damaged_) return false;
    std::uint64_t process = 0;
    std::uint64_t thread = 0;
    std::uint64_t length = 0;
    is_damaged_ = !Number(&process) || !Number(&thread) || !Number(&piece->offset) ||
                  !Number(&piece->stream_bytes) || !Number(&length) || process >= kMaxProcesses ||
                  thread >= kMaxThreads || length > static_cast<std::uint64_t>(end_ - cursor_) ||
                  piece->offset + piece->stream_bytes < piece->offset;
    if (is_damaged_) return false;
    piece->process = static_cast<std::uint32_t>(process);
    piece->thread = static_cast<std::uint32_t>(thread);
    piece->bytes = {cursor_, static_cast<std::size_t>(length)};
    cursor_ += length;
    return true;
  }
  bool is_damaged() const { return is_damaged_; }
  // Where a piece's bytes stand in the block.
  std::uint32_t PlaceOf(const Piece& piece) const {
    return static_cast<std::uint32_t>(piece.bytes.data() - begin_);
  }

 private:
  bool Number(std::uint64_t* value) {
    const std::uint8_t* after = wire::GetVarint(cursor_, end_, value);
    if (after == nullptr) return false;
    cursor_ = after;
    return true;
  }

  const std::uint8_t* begin_;
  const std::uint8_t* cursor_;
  const std::uint8_t* end_;
  bool is_damaged_ = false;
};

}  // namespace memwhy::session
