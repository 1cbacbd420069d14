// SPDX-License-Identifier: Apache-2.0
//
// Blocks of columns. What the encoder makes of a stream unfolds to the same records, their times
// rounded where that was allowed; what a hostile block unfolds to, folds and unfolds to the same
// records again. Each frame is a piece or a block (ColumnOp).
#include "column_frames.h"
#include "session/column_decoder.h"
#include "session/pieces.h"
#include "session/stream_decoder.h"

namespace {

using namespace memwhy;
using session::Record;
using session::StreamDecoder;
using session::TimePrecision;

enum class ColumnOp : std::uint8_t {
  kFold = 0,         // a stream's next bytes, for the Folder
  kColumns = 1,      // columns apart by a mark
  kRaw = 2,          // a block, its framing included
  kChangedFold = 3,  // changes, then as kFold
};
constexpr std::uint8_t kColumnOps = 4;

bool IsNear(std::uint64_t exact, std::uint64_t rounded) {
  return rounded <= exact && exact - rounded < std::uint64_t{1} << session::kRoundingShift;
}

// Which fields mean something depends on the kind; the others are zero in both.
void ExpectSameRecord(const Record& a, const Record& b, bool may_be_rounded) {
  MEMWHY_FUZZ_EXPECT(a.kind == b.kind && a.allocator == b.allocator);
  MEMWHY_FUZZ_EXPECT(may_be_rounded ? IsNear(a.ticks, b.ticks) : a.ticks == b.ticks);
  MEMWHY_FUZZ_EXPECT(may_be_rounded ? IsNear(a.ticks_after, b.ticks_after)
                                    : a.ticks_after == b.ticks_after);
  MEMWHY_FUZZ_EXPECT(a.address == b.address && a.size == b.size);
  MEMWHY_FUZZ_EXPECT(a.old_address == b.old_address && a.old_size == b.old_size);
  MEMWHY_FUZZ_EXPECT(a.stack == b.stack && a.a == b.a && a.b == b.b && a.c == b.c);
  for (int i = 0; i < 4; ++i) MEMWHY_FUZZ_EXPECT(a.text[i] == b.text[i]);
}

// A stream before it was folded and as a reader gets it.
struct Stream {
  StreamDecoder written;
  StreamDecoder read;
};
class Streams {
 public:
  // The pieces that were folded, against those of the block. A piece may come back as several.
  void ExpectSame(const std::vector<fuzz::FoldedPiece>& written,
                  std::span<const std::uint8_t> raw) {
    session::PieceReader reader(raw);
    for (const fuzz::FoldedPiece& piece : written) {
      Stream& stream = Of(piece);
      stream.written.SetPiece(fuzz::AsBytes(piece.bytes));
      std::uint64_t done = 0;
      while (done < piece.bytes.size()) {
        session::Piece unfolded;
        MEMWHY_FUZZ_EXPECT(reader.Next(&unfolded));
        MEMWHY_FUZZ_EXPECT(unfolded.process == piece.process && unfolded.thread == piece.thread);
        MEMWHY_FUZZ_EXPECT(unfolded.offset == piece.offset + done);
        ExpectSamePiece(&stream, unfolded.bytes, piece.precision);
        done += unfolded.stream_bytes;
        MEMWHY_FUZZ_EXPECT(stream.written.position() == done);
      }
    }
    session::Piece rest;
    MEMWHY_FUZZ_EXPECT(!reader.Next(&rest) && !reader.is_damaged());
  }
  // Why the encoder refused: one of the streams does not decode, or is of a folded session.
  void ExpectDamage(const std::vector<fuzz::FoldedPiece>& written) {
    for (const fuzz::FoldedPiece& piece : written) {
      Stream& stream = Of(piece);
      for (StreamDecoder* decoder : {&stream.written, &stream.read}) {
        decoder->SetPiece(fuzz::AsBytes(piece.bytes));
        Record record;
        StreamDecoder::Step step{};
        while ((step = decoder->Next(&record)) == StreamDecoder::Step::kRecord) {
          is_damaged_ = is_damaged_ || record.kind >= wire::EventKind::kHeld;
        }
        is_damaged_ = is_damaged_ || step == StreamDecoder::Step::kDamaged;
      }
    }
    MEMWHY_FUZZ_EXPECT(is_damaged_);
  }

 private:
  Stream& Of(const fuzz::FoldedPiece& piece) {
    return streams_[std::uint64_t{piece.process} << 32 | piece.thread];
  }
  static void ExpectSamePiece(Stream* stream, std::span<const std::uint8_t> bytes,
                              TimePrecision precision) {
    stream->read.SetPiece(bytes);
    Record got{};
    while (stream->read.Next(&got) == StreamDecoder::Step::kRecord) {
      Record expected{};
      MEMWHY_FUZZ_EXPECT(stream->written.Next(&expected) == StreamDecoder::Step::kRecord);
      ExpectSameRecord(expected, got, precision == TimePrecision::kRounded);
      got = {};
    }
    MEMWHY_FUZZ_EXPECT(stream->read.position() == bytes.size());
    // What follows a piece keeps its time.
    MEMWHY_FUZZ_EXPECT(stream->read.ticks() == stream->written.ticks());
  }

  std::map<std::uint64_t, Stream> streams_;
  bool is_damaged_ = false;
};

// A block of an unknown writer: the same pieces from a decoder that has seen others, and once more
// from what they fold to.
void CheckBlock(std::string_view text, session::ColumnDecoder* used) {
  // A buffer of its own: a byte too far is seen.
  const std::vector<std::uint8_t> block(text.begin(), text.end());
  std::vector<std::uint8_t> raw;
  std::vector<std::uint8_t> again;
  session::ColumnDecoder fresh;
  const bool is_good = bool{fresh.Decode(block, &raw)};
  MEMWHY_FUZZ_EXPECT(bool{used->Decode(block, &again)} == is_good);
  if (!is_good) return;
  MEMWHY_FUZZ_EXPECT(raw == again);
  std::vector<fuzz::FoldedPiece> pieces;
  std::map<std::uint64_t, std::uint64_t> offsets;
  session::PieceReader reader(raw);
  session::Piece piece;
  while (reader.Next(&piece)) {
    std::uint64_t& offset = offsets[std::uint64_t{piece.process} << 32 | piece.thread];
    pieces.push_back({piece.process, piece.thread, TimePrecision::kExact, offset,
                      std::string(piece.bytes.begin(), piece.bytes.end())});
    offset += piece.bytes.size();
  }
  session::ColumnEncoder encoder;
  const std::vector<std::uint8_t>* folded = fuzz::Encode(&encoder, pieces);
  Streams streams;
  if (folded == nullptr) return streams.ExpectDamage(pieces);
  MEMWHY_FUZZ_EXPECT(used->Decode(*folded, &again));
  streams.ExpectSame(pieces, again);
}

// The encoder writes no byte too much: without the last one of a column a block does not decode.
void ExpectEveryByteIsNeeded(std::span<const std::uint8_t> block, session::ColumnDecoder* decoder) {
  fuzz::Columns columns = fuzz::UnpackColumns(block);
  std::string& column = columns[block.size() % columns.size()];
  if (column.empty()) return;
  column.pop_back();
  const std::string shorter = fuzz::PackColumns(columns, true);
  std::vector<std::uint8_t> raw;
  MEMWHY_FUZZ_EXPECT(!decoder->Decode(fuzz::AsBytes(shorter), &raw));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  session::ColumnDecoder decoder;
  fuzz::Folder folder;
  Streams streams;
  for (std::string_view frame : fuzz::SplitFrames(fuzz::AsText(data, size))) {
    if (frame.empty()) continue;
    const auto op = static_cast<ColumnOp>(fuzz::Take<std::uint8_t>(&frame) % kColumnOps);
    if (op == ColumnOp::kColumns || op == ColumnOp::kRaw) {
      CheckBlock(op == ColumnOp::kColumns ? fuzz::BlockOfColumns(frame) : std::string(frame),
                 &decoder);
      continue;
    }
    const std::string_view changes =
        op == ColumnOp::kChangedFold ? fuzz::TakeChanges(&frame) : std::string_view{};
    if (!folder.Add(frame)) continue;
    const std::vector<std::uint8_t>* block = folder.Close();
    if (block == nullptr) {
      streams.ExpectDamage(folder.closed());
      continue;
    }
    std::vector<std::uint8_t> raw;
    MEMWHY_FUZZ_EXPECT(decoder.Decode(*block, &raw));
    streams.ExpectSame(folder.closed(), raw);
    ExpectEveryByteIsNeeded(*block, &decoder);
    if (!changes.empty()) CheckBlock(fuzz::ChangedBlock(*block, changes), &decoder);
  }
  return 0;
}
