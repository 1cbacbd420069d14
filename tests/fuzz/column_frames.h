// SPDX-License-Identifier: Apache-2.0
//
// Blocks of columns (session/columns.h) from frames (fuzz_input.h): what the real encoder makes of
// a stream, the same with single bytes of its unpacked columns changed, or thirteen columns as the
// fuzzer likes them, apart by a mark. Columns are packed anew, so that no frame of zstd stands
// between the fuzzer and the decoder. One folder per session: it follows the streams.
#pragma once

#include <zstd.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_input.h"
#include "session/column_encoder.h"
#include "wire/varint.h"

namespace memwhy::fuzz {

inline constexpr std::string_view kColumnMark = "\xfe|\xfe";
using Columns = std::array<std::string, session::kColumnCount>;

inline void AppendNumber(std::string* out, std::uint64_t number) {
  std::uint8_t bytes[wire::kMaxVarintBytes];
  out->append(reinterpret_cast<char*>(bytes),
              static_cast<std::size_t>(wire::PutVarint(bytes, number) - bytes));
}

inline std::string PackColumns(const Columns& columns, bool is_packed) {
  static ZSTD_CCtx* const context = ZSTD_createCCtx();
  std::string block;
  for (const std::string& column : columns) {
    std::string packed(ZSTD_compressBound(column.size()), '\0');
    const std::size_t size = ZSTD_compressCCtx(context, packed.data(), packed.size(), column.data(),
                                               column.size(), /*compressionLevel=*/1);
    const bool is_shorter = is_packed && ZSTD_isError(size) == 0 && size < column.size();
    AppendNumber(&block, column.size());
    AppendNumber(&block, is_shorter ? size : column.size());
    block.append(is_shorter ? std::string_view(packed).substr(0, size) : std::string_view(column));
  }
  return block;
}

// Of a block that the real encoder made.
inline Columns UnpackColumns(std::span<const std::uint8_t> block) {
  Columns columns;
  const std::uint8_t* at = block.data();
  const std::uint8_t* const end = at + block.size();
  for (std::string& column : columns) {
    std::uint64_t raw = 0;
    std::uint64_t stored = 0;
    at = wire::GetVarint(at, end, &raw);
    MEMWHY_FUZZ_EXPECT(at != nullptr);
    at = wire::GetVarint(at, end, &stored);
    MEMWHY_FUZZ_EXPECT(at != nullptr && stored <= static_cast<std::uint64_t>(end - at));
    column.assign(reinterpret_cast<const char*>(at), stored);
    if (stored < raw) {
      column.resize(raw);
      MEMWHY_FUZZ_EXPECT(ZSTD_decompress(column.data(), raw, at, stored) == raw);
    }
    at += stored;
  }
  return columns;
}

inline std::string JoinColumns(const Columns& columns) {
  std::string joined;
  for (const std::string& column : columns) {
    if (&column != &columns.front()) joined += kColumnMark;
    joined += column;
  }
  return joined;
}

// kind (bit 0: packed), then the columns, apart by the mark.
inline std::string BlockOfColumns(std::string_view frame) {
  const bool is_packed = (Take<std::uint8_t>(&frame) & 1) != 0;
  Columns columns;
  for (std::string& column : columns) {
    const std::size_t end = frame.find(kColumnMark);
    column = frame.substr(0, end);
    frame.remove_prefix(end == std::string_view::npos ? frame.size() : end + kColumnMark.size());
  }
  return PackColumns(columns, is_packed);
}

struct FoldedPiece {
  std::uint32_t process = 0;
  std::uint32_t thread = 0;
  session::TimePrecision precision = session::TimePrecision::kExact;
  std::uint64_t offset = 0;
  std::string bytes;
};

inline const std::vector<std::uint8_t>* Encode(session::ColumnEncoder* encoder,
                                               const std::vector<FoldedPiece>& pieces) {
  std::vector<session::OpenPiece> open;
  for (const FoldedPiece& piece : pieces) {
    open.push_back(
        {piece.process, piece.thread, piece.offset, AsBytes(piece.bytes), piece.precision});
  }
  return encoder->Encode(open);
}

// Folds pieces as a writer of sessions does. A frame is a byte that says whose piece it is (process
// and thread, two bits each), and a stream's next bytes.
class Folder {
 public:
  static constexpr std::uint8_t kRounded = 0x10;
  static constexpr std::uint8_t kMore = 0x20;  // another piece follows in this block

  // True when the block is to be closed.
  bool Add(std::string_view frame) {
    const auto whose = Take<std::uint8_t>(&frame);
    std::uint64_t& offset = offsets_[whose & 15u];
    open_.push_back({whose & 3u, whose >> 2 & 3u,
                     (whose & kRounded) != 0 ? session::TimePrecision::kRounded
                                             : session::TimePrecision::kExact,
                     offset, std::string(frame)});
    offset += frame.size();
    return (whose & kMore) == 0;
  }
  // What the encoder makes of the open pieces: nullptr when a stream does not decode.
  const std::vector<std::uint8_t>* Close() {
    closed_ = std::move(open_);
    open_.clear();
    return Encode(&encoder_, closed_);
  }
  const std::vector<FoldedPiece>& closed() const { return closed_; }  // of the last Close

 private:
  session::ColumnEncoder encoder_;
  std::map<std::uint32_t, std::uint64_t> offsets_;
  std::vector<FoldedPiece> open_;
  std::vector<FoldedPiece> closed_;
};

// Changes are (column, offset (u16), byte): what a block of the real encoder unfolds from, changed.
inline std::string ChangedBlock(std::span<const std::uint8_t> block, std::string_view changes) {
  Columns columns = UnpackColumns(block);
  while (!changes.empty()) {
    std::string& column = columns[Take<std::uint8_t>(&changes) % session::kColumnCount];
    const std::size_t at = Take<std::uint16_t>(&changes);
    const char byte = static_cast<char>(Take<std::uint8_t>(&changes));
    if (at < column.size()) {
      column[at] = byte;
    } else {
      column.push_back(byte);
    }
  }
  return PackColumns(columns, true);
}
// Takes changes off the front: their count, then so many.
inline std::string_view TakeChanges(std::string_view* frame) {
  const std::size_t bytes = std::size_t{4} * (Take<std::uint8_t>(frame) % 16u);
  const std::string_view changes = frame->substr(0, bytes);
  frame->remove_prefix(changes.size());
  return changes;
}

}  // namespace memwhy::fuzz
