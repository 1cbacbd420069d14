// SPDX-License-Identifier: Apache-2.0
//
// Small files that stand for much: what a reader keeps is bounded by what it read.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>
#include <zstd.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "session/block_cache.h"
#include "session/column_decoder.h"
#include "session/column_encoder.h"
#include "session/pieces.h"
#include "session/reader.h"
#include "session/session_builder.h"
#include "session/temporary_directory.h"
#include "wire/varint.h"

namespace memwhy::session {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMiB = 1u << 20;

void AppendNumber(Bytes* out, std::uint64_t number) {
  std::uint8_t bytes[wire::kMaxVarintBytes];
  out->insert(out->end(), bytes, wire::PutVarint(bytes, number));
}

// A file of blocks as a hostile writer makes them.
class HostileFile {
 public:
  HostileFile() {
    FileHeader header{};
    std::copy(std::begin(kFileMagic), std::end(kFileMagic), header.magic);
    header.version = kFormatVersion;
    header.header_bytes = sizeof(header);
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&header);
    bytes_.assign(begin, begin + sizeof(header));
  }
  // Packed as well as it goes, without the padding of an honest writer.
  void Add(BlockKind kind, std::span<const std::uint8_t> raw) {
    std::vector<char> packed(ZSTD_compressBound(raw.size()));
    packed.resize(ZSTD_compress(packed.data(), packed.size(), raw.data(), raw.size(), 1));
    BlockHeader header{};
    header.magic = kBlockMagic;
    header.kind = static_cast<std::uint16_t>(kind);
    header.flags = kBlockIsZstd;
    header.raw_bytes = static_cast<std::uint32_t>(raw.size());
    header.stored_bytes = static_cast<std::uint32_t>(packed.size());
    std::string block(reinterpret_cast<const char*>(&header), offsetof(BlockHeader, checksum));
    block.append(packed.data(), packed.size());
    const std::uint64_t checksum = XXH3_64bits(block.data(), block.size());
    block.insert(offsetof(BlockHeader, checksum), reinterpret_cast<const char*>(&checksum), 8);
    bytes_.insert(bytes_.end(), block.begin(), block.end());
  }
  void AddFact(const std::string& text) {
    Add(BlockKind::kFact, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  void AddPiece(std::uint32_t process, std::uint32_t thread, std::uint64_t offset,
                const Bytes& records) {
    Bytes raw;
    AppendPieceHead(process, thread, offset, records.size(), records.size(), &raw);
    raw.insert(raw.end(), records.begin(), records.end());
    Add(BlockKind::kPieces, raw);
  }
  std::size_t size() const { return bytes_.size(); }
  void WriteTo(const std::string& path) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes_.data()),
               static_cast<std::streamsize>(bytes_.size()));
  }

 private:
  Bytes bytes_;
};

class HostileSizeTest : public ::testing::Test {
 protected:
  std::unique_ptr<Session> Open() {
    file_.WriteTo(path_);
    auto session = Session::Open(directory_ / "");
    EXPECT_TRUE(session) << (session ? "" : session.error().message());
    return session ? *std::move(session) : nullptr;
  }

  HostileFile file_;
  TemporaryDirectory directory_;
  const std::string path_ = directory_ / kBlocksFile;
};

class Nothing : public model::EventVisitor {
 public:
  void OnAcquire(const model::Acquire&) override {}
  void OnRelease(double, model::ProcessId, model::ThreadId, std::uint64_t) override {}
  void OnUnmap(double, model::ProcessId, model::ThreadId, std::uint64_t, std::uint64_t) override {}
};

Bytes ManyNodes(std::size_t bytes) {
  const std::uint8_t node[] = {static_cast<std::uint8_t>(wire::EventKind::kDefineNode), 0, 0, 0};
  Bytes records;
  while (records.size() + sizeof(node) <= bytes) {
    records.insert(records.end(), std::begin(node), std::end(node));
  }
  return records;
}

TEST_F(HostileSizeTest, DefinitionsEndWhereTheFileCannotHoldThem) {
  const Bytes records = ManyNodes(kMiB - 64);
  for (std::uint64_t i = 0; i < 16; ++i) {
    file_.AddPiece(0, static_cast<std::uint32_t>(i), 0, records);
  }
  EXPECT_LT(file_.size(), 16 * 1024u);
  const auto session = Open();
  EXPECT_THAT(session->recording().damage, HasSubstr("it says more than its bytes can hold"));
  EXPECT_GT(session->records(), 100'000u);
  EXPECT_LT(session->records(), 16 * records.size() / 4 / 2);
  Nothing nothing;
  EXPECT_TRUE(session->Replay(nothing));
}

TEST_F(HostileSizeTest, AReplayDoesNotHoldMoreThanTheFileStandsFor) {
  // Each stream's piece is 1 MiB that a replay would hold at once.
  Bytes records;
  while (records.size() < kMiB - 64) records.insert(records.end(), {4, 1, 2});  // kFree
  for (std::uint32_t thread = 0; thread < 200; ++thread) file_.AddPiece(0, thread, 0, records);
  EXPECT_LT(file_.size(), 100 * 1024u);
  const auto session = Open();
  EXPECT_THAT(session->recording().damage, HasSubstr("say more than their bytes can hold"));
  EXPECT_LT(session->records(), 100 * records.size() / 3);
}

TEST_F(HostileSizeTest, ThreadsEndWhereTheFileCannotHoldThem) {
  Bytes raw;
  for (std::uint32_t thread = 0; thread < 80'000; ++thread) {
    AppendPieceHead(0, thread, 0, 0, 0, &raw);
  }
  ASSERT_LT(raw.size(), kMiB);
  file_.Add(BlockKind::kPieces, raw);
  const auto session = Open();
  EXPECT_THAT(session->recording().damage, HasSubstr("more threads than its bytes can hold"));
  EXPECT_LT(session->recording().threads.size(), 80'000u);
  EXPECT_GT(session->recording().threads.size(), 30'000u);
}

TEST_F(HostileSizeTest, FactsEndWhereTheFileCannotHoldThem) {
  std::string fact = R"({"type":"os_samples","samples":[[])";
  while (fact.size() < kMiB - 64) fact += ",[]";
  fact += "]}";
  for (int i = 0; i < 40; ++i) file_.AddFact(fact);
  EXPECT_LT(file_.size(), 16 * 1024u);
  const auto session = Open();
  EXPECT_THAT(session->recording().damage, HasSubstr("are more than its bytes can hold"));
  EXPECT_LT(session->facts().os_samples.size(), 40 * fact.size() / 3 / 2);
}

TEST_F(HostileSizeTest, AStackIsNoDeeperThanAnAgentWalks) {
  StreamEncoder stream;
  std::uint32_t node = wire::kStackNone;
  for (int i = 0; i < wire::kMaxDepth; ++i) node = stream.DefineNode(node, wire::kCodeUnknown);
  Bytes records = stream.Take();
  file_.AddPiece(0, 0, 0, records);
  EXPECT_EQ(Open()->recording().damage, "");
  stream.DefineNode(node, wire::kCodeUnknown);
  file_.AddPiece(0, 0, records.size(), stream.Take());
  const auto session = Open();
  EXPECT_THAT(session->recording().damage, HasSubstr("does not decode"));
  EXPECT_EQ(session->records(), static_cast<std::uint64_t>(wire::kMaxDepth));
}

TEST_F(HostileSizeTest, WhatPacksTooWellIsPadded) {
  for (const std::size_t bytes : {4 * kMiB, kMiB, 256 * 1024ul, 2000ul}) {
    const Bytes raw(bytes, 7);
    BlockEncoder encoder;
    const auto block = encoder.Encode(BlockKind::kFact, raw);
    const std::size_t stored = block.size() - sizeof(BlockHeader);
    EXPECT_EQ(ExcessOf(raw.size(), stored), 0u) << bytes;
    EXPECT_LE(stored, bytes / kMaxUnfolding + 64) << bytes;
    BlockHeader header;
    std::memcpy(&header, block.data(), sizeof(header));
    Bytes back;
    ASSERT_TRUE(BlockDecoder().Decode(header, block.subspan(sizeof(header)), &back)) << bytes;
    EXPECT_EQ(back, raw) << bytes;
  }
}

TEST_F(HostileSizeTest, ColumnsThatPackTooWellArePadded) {
  StreamEncoder stream;
  const auto node = stream.DefineNode(wire::kStackNone, wire::kCodeUnknown);
  for (int i = 0; i < 40'000; ++i) {
    stream.Allocate(At(1), wire::Allocator::kMalloc, 0x1000 + 0x10ul * i, 16, node);
  }
  const Bytes records = stream.Take();
  ColumnEncoder encoder;
  const OpenPiece piece{0, 0, 0, records, TimePrecision::kExact};
  const Bytes* block = encoder.Encode({&piece, 1});
  ASSERT_NE(block, nullptr);
  ColumnDecoder decoder;
  Bytes raw;
  ASSERT_TRUE(decoder.Decode(*block, &raw));
  EXPECT_GT(decoder.unpacked_bytes(), 100'000u);
  EXPECT_EQ(ExcessOf(decoder.unpacked_bytes(), block->size()), 0u);
  EXPECT_LT(block->size(), decoder.unpacked_bytes() / 16);
  Bytes longer = *block;
  longer.push_back(1);
  EXPECT_FALSE(decoder.Decode(longer, &raw));
}

TEST_F(HostileSizeTest, BlocksMayNotHoldMoreThanTheWholeFileCan) {
  const Bytes raw(kMiB, 0);
  for (int i = 0; i < 100; ++i) file_.Add(static_cast<BlockKind>(99), raw);
  file_.WriteTo(path_);
  BlockFile file = *BlockFile::Open(path_);
  BlockFile::Place place;
  Bytes read;
  int blocks = 0;
  while (file.Next(&place, &read)) ++blocks;
  EXPECT_EQ(blocks, 64);
  EXPECT_THAT(file.damage(), HasSubstr("say more than their bytes can hold"));
}

TEST_F(HostileSizeTest, AHeaderMayNotClaimMuchMoreThanIsStored) {
  BlockHeader header{};
  header.magic = kBlockMagic;
  header.flags = kBlockIsZstd;
  header.raw_bytes = kMaxBlockBytes;
  header.stored_bytes = kMaxBlockBytes / 32;
  EXPECT_TRUE(CheckBlockHeader(header));
  --header.stored_bytes;
  EXPECT_FALSE(CheckBlockHeader(header));
}

TEST_F(HostileSizeTest, AColumnMayNotClaimMuchMoreThanIsStored) {
  Bytes block;
  AppendNumber(&block, 2 * kMiB);
  AppendNumber(&block, 100);
  block.resize(block.size() + 100);
  for (std::size_t i = 1; i < kColumnCount; ++i) block.insert(block.end(), {0, 0});
  ColumnDecoder decoder;
  Bytes raw;
  const auto decoded = decoder.Decode(block, &raw);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message(), HasSubstr("column of a wrong size"));
}

TEST_F(HostileSizeTest, ABlockIsUnfoldedAgainOnlySoOften) {
  Bytes raw(8 * kMiB);
  std::uint32_t random = 1;
  for (std::uint8_t& byte : raw) {
    random = random * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(random >> 24);
  }
  for (int i = 0; i < 3; ++i) file_.Add(static_cast<BlockKind>(99), raw);
  file_.WriteTo(path_);
  BlockFile file = *BlockFile::Open(path_);
  std::vector<BlockFile::Place> places(3);
  Bytes read;
  for (BlockFile::Place& place : places) ASSERT_TRUE(file.Next(&place, &read));
  BlockCache cache(&file, 4 * raw.size());
  // Three do not fit: the one that was used first has gone when it is needed again.
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(cache.Get(i, places[i]));
  EXPECT_TRUE(cache.Get(2, places[2]));
  EXPECT_TRUE(cache.Get(0, places[0]));
  const auto again = cache.Get(1, places[1]);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message(), HasSubstr("no order that can be followed"));
}

class Children : public Nothing {
 public:
  void OnFork(double time, model::ProcessId parent, model::ProcessId child) override {
    forks.push_back(fmt::format("{:.0f}: {} -> {}", time, parent.value, child.value));
  }
  std::vector<std::string> forks;
};

TEST_F(HostileSizeTest, ForksOfAPidThatIsUsedAgainFindTheChildThatStartsNext) {
  const std::string path = directory_ / "forks.mwy";
  SessionBuilder builder(path);
  builder.AddProcess(100, 100, 40);  // [1]: a child with its parent's pid
  builder.AddProcess(200, 100, 30);  // [2]
  builder.AddProcess(200, 100, 10);  // [3]
  builder.AddProcess(200, 100, 20);  // [4]
  StreamEncoder& stream = builder.Stream(0, 0);
  for (const int time : {5, 15, 25, 35, 36}) stream.Fork(At(time), time == 36 ? 100 : 200);
  ASSERT_TRUE(builder.Write());
  const auto session = *Session::Open(path);
  Children children;
  ASSERT_TRUE(session->Replay(children));
  // The one at 35 s has no child left.
  EXPECT_THAT(children.forks,
              ::testing::ElementsAre("5: 0 -> 3", "15: 0 -> 4", "25: 0 -> 2", "36: 0 -> 1"));
}

}  // namespace
}  // namespace memwhy::session
