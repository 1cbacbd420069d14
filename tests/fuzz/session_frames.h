// SPDX-License-Identifier: Apache-2.0
//
// Builds blocks.mwy from frames (fuzz_input.h) with checksums, lengths and offsets that fit, so
// that the fuzzer gets behind them. One per input.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "column_frames.h"
#include "fuzz_input.h"
#include "session/block_codec.h"
#include "session/format.h"

namespace memwhy::fuzz {

enum class SessionOp : std::uint8_t {
  kStream = 0,       // bytes[1..] of the stream of process and thread (low bits of bytes[0])
  kFact = 1,         // JSON
  kPieces = 2,       // a block of pieces, its framing included
  kOtherBlock = 3,   // a block of unknown kind
  kRaw = 4,          // bytes of the file as they are
  kWholeFile = 5,    // replaces what was built so far, file header included
  kBadChecksum = 6,  // a fact with a wrong checksum
  kStreamAt = 7,     // as kStream, at an offset of its own (two bytes)
  kFold = 8,         // a stream's next bytes, folded into columns by the real encoder
  kChangedFold = 9,  // changes, then as kFold: some bytes of the columns are changed
  kColumns = 10,     // columns apart by a mark (BlockOfColumns)
  kRawColumns = 11,  // a block of columns, its framing included
  kClaims = 12,      // as kStream, but offset, stream bytes and length (u64 each) are what it says
};
inline constexpr std::uint8_t kSessionOps = 13;

class SessionFile {
 public:
  SessionFile() {
    session::FileHeader header{};
    std::memcpy(header.magic, session::kFileMagic, sizeof(header.magic));
    header.version = session::kFormatVersion;
    header.header_bytes = sizeof(header);
    file_.assign(reinterpret_cast<const char*>(&header), sizeof(header));
  }

  void Add(std::string_view frame) {
    if (frame.empty()) return;
    const auto op = static_cast<SessionOp>(static_cast<std::uint8_t>(frame[0]) % kSessionOps);
    frame.remove_prefix(1);
    switch (op) {
      case SessionOp::kStream:
        AddStream(frame, false);
        break;
      case SessionOp::kStreamAt:
        AddStream(frame, true);
        break;
      case SessionOp::kFact:
        AddBlock(session::BlockKind::kFact, frame);
        break;
      case SessionOp::kPieces:
        AddBlock(session::BlockKind::kPieces, frame);
        break;
      case SessionOp::kOtherBlock:
        AddBlock(static_cast<session::BlockKind>(99), frame);
        break;
      case SessionOp::kRaw:
        file_.append(frame);
        break;
      case SessionOp::kWholeFile:
        file_.assign(frame);
        break;
      case SessionOp::kBadChecksum:
        AddBlock(session::BlockKind::kFact, frame);
        file_.back() = static_cast<char>(file_.back() ^ 1);
        break;
      case SessionOp::kFold:
        Fold(frame, {});
        break;
      case SessionOp::kChangedFold: {
        const std::string_view changes = TakeChanges(&frame);
        Fold(frame, changes);
        break;
      }
      case SessionOp::kColumns:
        AddBlock(session::BlockKind::kColumns, BlockOfColumns(frame));
        break;
      case SessionOp::kClaims:
        AddClaims(frame);
        break;
      case SessionOp::kRawColumns:
        AddBlock(session::BlockKind::kColumns, frame);
        break;
    }
  }
  const std::string& bytes() const { return file_; }

 private:
  void AddStream(std::string_view frame, bool has_offset) {
    const auto where = Take<std::uint8_t>(&frame);
    const std::uint32_t process = where & 3;
    const std::uint32_t thread = where >> 2 & 3;
    std::uint64_t& known = offsets_[where & 15];
    const std::uint64_t offset = has_offset ? Take<std::uint16_t>(&frame) : known;
    AddBlock(session::BlockKind::kPieces, PieceOf(process, thread, offset, frame));
    known = std::max(known, offset + frame.size());
  }
  void AddClaims(std::string_view frame) {
    const auto where = Take<std::uint8_t>(&frame);
    std::string raw;
    AppendNumber(&raw, where & 3u);
    AppendNumber(&raw, where >> 2 & 3u);
    for (int i = 0; i < 3; ++i) AppendNumber(&raw, Take<std::uint64_t>(&frame));
    AddBlock(session::BlockKind::kPieces, raw.append(frame));
  }
  static std::string PieceOf(std::uint32_t process, std::uint32_t thread, std::uint64_t offset,
                             std::string_view bytes) {
    std::string raw;
    for (const std::uint64_t number : {std::uint64_t{process}, std::uint64_t{thread}, offset,
                                       std::uint64_t{bytes.size()}, std::uint64_t{bytes.size()}}) {
      AppendNumber(&raw, number);
    }
    return raw.append(bytes);
  }
  // As SessionWriter: what does not decode is stored as it came.
  void Fold(std::string_view frame, std::string_view changes) {
    if (!folder_) folder_.emplace();
    if (!folder_->Add(frame)) return;
    const std::vector<std::uint8_t>* block = folder_->Close();
    if (block == nullptr) {
      std::string raw;
      for (const FoldedPiece& piece : folder_->closed()) {
        raw += PieceOf(piece.process, piece.thread, piece.offset, piece.bytes);
      }
      return AddBlock(session::BlockKind::kPieces, raw);
    }
    if (!changes.empty()) {
      return AddBlock(session::BlockKind::kColumns, ChangedBlock(*block, changes));
    }
    AddBlock(session::BlockKind::kColumns,
             {reinterpret_cast<const char*>(block->data()), block->size()});
  }
  void AddBlock(session::BlockKind kind, std::string_view raw) {
    // One context for all inputs: making one takes longer than reading a small session.
    static session::BlockEncoder encoder;
    const auto block = encoder.Encode(kind, AsBytes(raw));
    file_.append(reinterpret_cast<const char*>(block.data()), block.size());
  }

  std::string file_;
  std::map<std::uint32_t, std::uint64_t> offsets_;
  std::optional<Folder> folder_;  // making one takes a while: only for who folds
};

}  // namespace memwhy::fuzz
