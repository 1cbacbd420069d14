// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "session/column_decoder.h"
#include "session/column_encoder.h"
#include "session/pieces.h"
#include "session/stream_encoder.h"

namespace memwhy::session {
namespace {

constexpr std::uint64_t kQuantum = 1u << kRoundingShift;

struct Unfolded {
  std::vector<Piece> pieces;
  std::vector<std::uint8_t> raw;
};

// What a reader gets for these pieces.
void FoldPieces(ColumnEncoder* encoder, const std::vector<OpenPiece>& pieces, Unfolded* out) {
  const std::vector<std::uint8_t>* block = encoder->Encode(pieces);
  ASSERT_NE(block, nullptr);
  ColumnDecoder decoder;
  ASSERT_TRUE(decoder.Decode(*block, &out->raw));
  PieceReader reader(out->raw);
  Piece piece;
  while (reader.Next(&piece)) out->pieces.push_back(piece);
  ASSERT_FALSE(reader.is_damaged());
}

std::vector<Record> Records(StreamDecoder* decoder, std::span<const std::uint8_t> bytes) {
  std::vector<Record> records;
  decoder->SetPiece(bytes);
  for (Record record; decoder->Next(&record) == StreamDecoder::Step::kRecord; record = {}) {
    records.push_back(record);
  }
  EXPECT_EQ(decoder->position(), bytes.size());
  return records;
}

// One record of each kind, then random ones.
void WriteAnything(StreamEncoder* stream, std::mt19937* random, std::uint64_t* time, int count) {
  const auto code = stream->DefineCode("f", "/app/a.py", "a", 7, std::string(300, 'x'));
  const auto node = stream->DefineNode(wire::kStackNone, code, 3);
  const auto deep = stream->DefineNode(node, code, 4);
  stream->Thread(77, "thread", 1u << 20, 1u << 21);
  stream->ThreadName("worker");
  stream->CodeModule(code, "pkg.a");
  const auto library =
      stream->DefineModule(wire::ModuleKind::kFile, 0x7f0000001000, "/lib/libx.so", "12ab");
  stream->DefineNode(deep, library, 0x1234567);
  stream->Lost(3, 99);
  stream->Private(0x1000, 0x9000);
  std::vector<std::uint64_t> live;
  for (int i = 0; i < count; ++i) {
    *time += (*random)() % 3000;
    const std::uint64_t address = 0x7f0000000000 + (*random)() % 512 * 64;
    const std::uint64_t size = (*random)() % 5 * 100;
    const std::uint32_t stack = (*random)() % 2 == 0 ? node : deep;
    switch ((*random)() % 14) {
      case 0:
        stream->Unmap(*time, address, size);
        break;
      case 1:
        stream->Remap(*time, address, size, *time + 5, address + 4096, 2 * size, stack);
        *time += 5;
        break;
      case 2:
        stream->Advise(*time, address, 4096, 4);
        break;
      case 3:
        stream->ArenaFree(*time, address);
        break;
      case 4:
        stream->Realloc(*time, (*random)() % 3 == 0 ? 0 : address, *time + 9, address, size, stack);
        *time += 9;
        break;
      case 5:
        stream->Allocate(*time, wire::Allocator::kMmap, address, 4096, stack);
        break;
      case 6:
        stream->Allocate(*time, wire::Allocator::kMemalign, address, size, stack);
        break;
      case 7:
        stream->ObjectAllocate(*time, wire::Allocator::kPymemMem, address, size, stack);
        break;
      case 8:
        stream->ObjectFree(*time, address);
        break;
      case 9:
      case 10:
        if (!live.empty()) {
          stream->Free(*time, live.back());
          live.pop_back();
          break;
        }
        [[fallthrough]];
      default:
        stream->Allocate(*time, wire::Allocator::kMalloc, address, size, stack);
        live.push_back(address);
    }
  }
}

TEST(Columns, ExactPiecesUnfoldToTheSameBytes) {
  std::mt19937 random(1);
  ColumnEncoder encoder;
  std::uint64_t time[2] = {5000, 7000};
  StreamEncoder streams[2] = {StreamEncoder(time[0]), StreamEncoder(time[1])};
  for (int round = 0; round < 200; ++round) {
    std::vector<std::vector<std::uint8_t>> bytes;
    std::vector<OpenPiece> pieces;
    for (std::uint32_t i = 0; i < 2; ++i) {
      WriteAnything(&streams[i], &random, &time[i], static_cast<int>(random() % 200));
      if (random() % 4 == 0) streams[i].Mark(++time[i], "request", 2);
      if (random() % 4 == 0) streams[i].Fork(++time[i], 12, 3);
      if (round == 7) {
        streams[i].Time(time[i] + 9000);
        time[i] += 9000;
      }
      if (round == 199) streams[i].ThreadEnd(++time[i]);
      const std::uint64_t offset = streams[i].offset();
      bytes.push_back(streams[i].Take());
      pieces.push_back({1, i, offset, {}, TimePrecision::kExact});
    }
    for (std::size_t i = 0; i < 2; ++i) pieces[i].bytes = bytes[i];
    Unfolded unfolded;
    FoldPieces(&encoder, pieces, &unfolded);
    // The kTime record ends a run.
    std::vector<std::uint8_t> joined[2];
    for (const Piece& piece : unfolded.pieces) {
      ASSERT_LT(piece.thread, 2u);
      EXPECT_EQ(piece.process, 1u);
      EXPECT_EQ(piece.stream_bytes, piece.bytes.size());
      EXPECT_EQ(piece.offset, pieces[piece.thread].offset + joined[piece.thread].size());
      joined[piece.thread].insert(joined[piece.thread].end(), piece.bytes.begin(),
                                  piece.bytes.end());
    }
    EXPECT_EQ(joined[0], bytes[0]) << round;
    EXPECT_EQ(joined[1], bytes[1]) << round;
  }
}

TEST(Columns, RoundedPiecesKeepOrderAndEverythingButTimes) {
  std::mt19937 random(2);
  ColumnEncoder encoder;
  StreamEncoder stream;
  std::uint64_t time = 1'000'000;
  stream.Time(time);
  StreamDecoder before;
  StreamDecoder after;
  std::uint64_t end = 0;
  std::uint64_t rounded = 0;
  for (int round = 0; round < 100; ++round) {
    WriteAnything(&stream, &random, &time, 300);
    if (round % 5 == 0) stream.Mark(++time, "request", 1);
    if (round % 7 == 0) stream.Fork(++time, 0);
    WriteAnything(&stream, &random, &time, 30);
    const std::uint64_t offset = stream.offset();
    const std::vector<std::uint8_t> bytes = stream.Take();
    Unfolded unfolded;
    FoldPieces(&encoder, {{0, 0, offset, bytes, TimePrecision::kRounded}}, &unfolded);
    const std::vector<Record> expected = Records(&before, bytes);
    std::vector<Record> seen;
    for (const Piece& piece : unfolded.pieces) {
      EXPECT_EQ(piece.offset, end);
      end += piece.stream_bytes;
      const std::vector<Record> part = Records(&after, piece.bytes);
      seen.insert(seen.end(), part.begin(), part.end());
    }
    EXPECT_EQ(end, offset + bytes.size());
    EXPECT_EQ(after.ticks(), before.ticks()) << "what follows keeps its time";
    ASSERT_EQ(seen.size(), expected.size());
    std::uint64_t latest = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      EXPECT_EQ(seen[i].kind, expected[i].kind);
      EXPECT_EQ(seen[i].address, expected[i].address);
      EXPECT_EQ(seen[i].old_address, expected[i].old_address);
      EXPECT_EQ(seen[i].size, expected[i].size);
      EXPECT_EQ(seen[i].stack, expected[i].stack);
      EXPECT_EQ(seen[i].text[0], expected[i].text[0]);
      EXPECT_EQ(seen[i].a, expected[i].a);
      if (!HasTime(seen[i].kind)) continue;
      EXPECT_GE(seen[i].ticks, latest);
      latest = std::max(seen[i].ticks, seen[i].ticks_after);
      EXPECT_LE(seen[i].ticks, expected[i].ticks);
      EXPECT_LT(expected[i].ticks - seen[i].ticks, kQuantum);
      const bool is_fence =
          seen[i].kind == wire::EventKind::kMark || seen[i].kind == wire::EventKind::kFork;
      if (is_fence) {
        EXPECT_EQ(seen[i].ticks, expected[i].ticks);
      }
      rounded += seen[i].ticks != expected[i].ticks ? 1 : 0;
    }
  }
  EXPECT_GT(rounded, 10'000u);
}

TEST(Columns, ARoundedTimeIsNotBeforeWhatOthersDidEarlier) {
  ColumnEncoder encoder;
  StreamEncoder first;
  StreamEncoder second;
  first.Time(1000);
  first.Free(1010, 0x5000);
  second.Time(100);
  const std::vector<std::uint8_t> a = first.Take();
  const std::vector<std::uint8_t> b = second.Take();
  Unfolded setup;
  FoldPieces(&encoder, {{0, 0, 0, a, TimePrecision::kExact}, {0, 1, 0, b, TimePrecision::kExact}},
             &setup);
  // The second thread's last time is 100: its next events must not be rounded to 1010 or below,
  // where a release would go before what happened at 1010.
  const std::uint64_t offset = second.offset();
  second.Allocate(1011, wire::Allocator::kMalloc, 0x5000, 10, wire::kStackNone);
  second.Free(1500, 0x5000);
  second.Allocate(1600, wire::Allocator::kMalloc, 0x5000, 10, wire::kStackNone);
  const std::vector<std::uint8_t> more = second.Take();
  Unfolded unfolded;
  FoldPieces(&encoder, {{0, 1, offset, more, TimePrecision::kRounded}}, &unfolded);
  ASSERT_EQ(unfolded.pieces.size(), 1u);
  const std::vector<Record> seen = [&] {
    StreamDecoder decoder(100);
    return Records(&decoder, unfolded.pieces[0].bytes);
  }();
  EXPECT_EQ(seen[0].ticks, 1011u);
  EXPECT_EQ(seen[1].ticks, 1011u);
  EXPECT_EQ(seen[2].ticks, 1600u);
}

TEST(Columns, ARoundedTimeIsNotBeforeWhatAnotherProcessDidEarlier) {
  ColumnEncoder encoder;
  StreamEncoder first;
  StreamEncoder second;
  first.Time(1000);
  second.Time(100);
  const std::vector<std::uint8_t> a = first.Take();
  const std::vector<std::uint8_t> b = second.Take();
  Unfolded setup;
  FoldPieces(&encoder, {{0, 0, 0, a, TimePrecision::kExact}, {1, 0, 0, b, TimePrecision::kExact}},
             &setup);
  encoder.KeepOrder(1200);  // the end of a third process
  const std::uint64_t offset = second.offset();
  second.Free(1500, 0x5000);
  second.Free(1600, 0x6000);
  const std::vector<std::uint8_t> more = second.Take();
  Unfolded unfolded;
  FoldPieces(&encoder, {{1, 0, offset, more, TimePrecision::kRounded}}, &unfolded);
  ASSERT_EQ(unfolded.pieces.size(), 1u);
  StreamDecoder decoder(100);
  EXPECT_EQ(Records(&decoder, unfolded.pieces[0].bytes)[0].ticks, 1201u);
}

TEST(Columns, AStreamThatDoesNotDecodeIsRefusedFromThenOn) {
  ColumnEncoder encoder;
  const std::vector<std::uint8_t> bad = {0xff, 0xff, 0x1f};
  StreamEncoder stream;
  stream.Free(10, 0x1000);
  const std::vector<std::uint8_t> good = stream.Take();
  const OpenPiece bad_piece{0, 0, 0, bad, TimePrecision::kExact};
  const OpenPiece good_piece{0, 1, 0, good, TimePrecision::kExact};
  EXPECT_EQ(encoder.Encode(std::vector{bad_piece, good_piece}), nullptr);
  EXPECT_EQ(encoder.Encode(std::vector{bad_piece}), nullptr);
  stream.Free(20, 0x2000);
  const std::vector<std::uint8_t> more = stream.Take();
  Unfolded unfolded;
  FoldPieces(&encoder, {{0, 1, good.size(), more, TimePrecision::kExact}}, &unfolded);
  ASSERT_EQ(unfolded.pieces.size(), 1u);
  EXPECT_EQ(std::vector(unfolded.pieces[0].bytes.begin(), unfolded.pieces[0].bytes.end()), more);
}

TEST(Columns, ChangedBlocksDoNotCrash) {
  std::mt19937 random(3);
  ColumnEncoder encoder;
  StreamEncoder stream;
  std::uint64_t time = 1000;
  stream.Time(time);
  WriteAnything(&stream, &random, &time, 200);
  const std::vector<std::uint8_t> bytes = stream.Take();
  const std::vector<std::uint8_t>* block =
      encoder.Encode(std::vector<OpenPiece>{{0, 0, 0, bytes, TimePrecision::kRounded}});
  ASSERT_NE(block, nullptr);
  ColumnDecoder decoder;
  std::vector<std::uint8_t> raw;
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::uint8_t> changed = *block;
    for (unsigned k = 0; k <= random() % 3; ++k) {
      changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
    }
    if (random() % 8 == 0) changed.resize(random() % changed.size());
    refused += decoder.Decode(changed, &raw) ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace memwhy::session
