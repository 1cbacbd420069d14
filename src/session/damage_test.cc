// SPDX-License-Identifier: Apache-2.0
//
// Hostile and damaged sessions: never a crash, and everything before the damage is there.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "session/reader.h"
#include "session/session_builder.h"
#include "session/temporary_directory.h"

namespace memwhy::session {
namespace {

class Addresses : public model::EventVisitor {
 public:
  void OnAcquire(const model::Acquire& event) override { seen.push_back(event.address); }
  void OnRelease(double, model::ProcessId, model::ThreadId, std::uint64_t address) override {
    seen.push_back(address);
  }
  void OnUnmap(double, model::ProcessId, model::ThreadId, std::uint64_t address,
               std::uint64_t) override {
    seen.push_back(address);
  }
  std::vector<std::uint64_t> seen;
};

void WriteAll(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class DamageTest : public ::testing::Test {
 protected:
  DamageTest() {
    SessionBuilder builder(path_);
    for (int block = 0; block < 4; ++block) {
      StreamEncoder& stream = builder.Stream(0, 0);
      const auto code = stream.DefineCode("f", "a.py", "a", 1, "");
      const auto node = stream.DefineNode(wire::kStackNone, code, block);
      stream.Allocate(At(block), wire::Allocator::kMalloc, 0x1000 * (block + 1), 64, node);
    }
    EXPECT_TRUE(builder.WriteBlock());
    builder.Stream(0, 0).Free(At(10), 0x5000);
    EXPECT_TRUE(builder.WriteBlock());
    builder.Stream(0, 0).Free(At(11), 0x6000);
    EXPECT_TRUE(builder.Write());
    bytes_ = ReadAll(path_ + "/blocks.mwy");
    BlockFile file = *BlockFile::Open(path_ + "/blocks.mwy");
    BlockFile::Place place;
    std::vector<std::uint8_t> raw;
    while (file.Next(&place, &raw)) places_.push_back(place);
  }

  std::vector<std::uint64_t> Replay(Session& session) {
    Addresses addresses;
    EXPECT_TRUE(session.Replay(addresses));
    return addresses.seen;
  }

  // What blocks that end at or before `good_bytes` hold.
  std::vector<std::uint64_t> Expected(std::size_t good_bytes) {
    std::vector<std::uint64_t> expected;
    int block = 0;
    for (const BlockFile::Place& place : places_) {
      if (!HasPieces(static_cast<BlockKind>(place.header.kind))) continue;
      if (place.offset + sizeof(BlockHeader) + place.header.stored_bytes > good_bytes) break;
      if (block == 0) expected = {0x1000, 0x2000, 0x3000, 0x4000};
      if (block > 0) expected.push_back(block == 1 ? 0x5000 : 0x6000);
      ++block;
    }
    return expected;
  }

  // The end of the last block that lies wholly before `byte`.
  std::size_t GoodBefore(std::size_t byte) {
    std::size_t good = 0;
    for (const BlockFile::Place& place : places_) {
      const std::size_t end = place.offset + sizeof(BlockHeader) + place.header.stored_bytes;
      if (end <= byte) good = end;
    }
    return good;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "a.mwy";
  std::string bytes_;
  std::vector<BlockFile::Place> places_;
};

TEST_F(DamageTest, AFileCutAtAnyByteIsReadUpToTheCut) {
  for (std::size_t size = 0; size < bytes_.size(); ++size) {
    WriteAll(path_ + "/blocks.mwy", bytes_.substr(0, size));
    auto session = Session::Open(path_);
    if (!session) {
      EXPECT_LT(size, sizeof(FileHeader));
      continue;
    }
    EXPECT_EQ(Replay(**session), Expected(size)) << "cut at " << size;
    EXPECT_EQ((*session)->recording().ended, "recorder_lost");
    const bool is_at_border = GoodBefore(size) == size || size == sizeof(FileHeader);
    EXPECT_EQ((*session)->recording().damage.empty(), is_at_border) << "cut at " << size;
  }
}

TEST_F(DamageTest, AChangedByteIsNoticedAndEverythingBeforeItIsThere) {
  for (std::size_t byte = 0; byte < bytes_.size(); ++byte) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string changed = bytes_;
      changed[byte] = static_cast<char>(changed[byte] ^ change);
      WriteAll(path_ + "/blocks.mwy", changed);
      auto session = Session::Open(path_);
      if (!session) {
        EXPECT_LT(byte, sizeof(FileHeader));
        continue;
      }
      const auto seen = Replay(**session);
      if (byte < sizeof(FileHeader)) continue;  // reserved bytes mean nothing
      EXPECT_EQ(seen, Expected(GoodBefore(byte))) << "byte " << byte;
      EXPECT_NE((*session)->recording().damage, "") << "byte " << byte;
      EXPECT_FALSE((*session)->recording().complete);
    }
  }
}

TEST_F(DamageTest, RandomStreamsDoNotCrash) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    const std::string path = directory_ / ("r" + std::to_string(round) + ".mwy");
    auto writer = *SessionWriter::Create(path);
    for (std::uint32_t thread = 0; thread < 3; ++thread) {
      std::vector<std::uint8_t> bytes(random() % 400 + 1);
      for (std::uint8_t& byte : bytes) {
        // Small numbers decode further.
        byte = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : random() % 24);
      }
      ASSERT_TRUE(writer->AddPiece(random() % 3, thread, 0, bytes));
    }
    ASSERT_TRUE(writer->Flush());
    writer.reset();
    auto session = Session::Open(path);
    ASSERT_TRUE(session);
    Replay(**session);
  }
}

TEST_F(DamageTest, RandomPiecesAndFactsDoNotCrash) {
  std::mt19937 random(2);
  BlockEncoder encoder;
  for (int round = 0; round < 3000; ++round) {
    std::string file = bytes_.substr(0, sizeof(FileHeader));
    for (int block = 0; block < 3; ++block) {
      std::vector<std::uint8_t> raw(random() % 200);
      for (std::uint8_t& byte : raw) byte = static_cast<std::uint8_t>(random());
      const auto kind = static_cast<BlockKind>(random() % 4);
      const auto encoded = encoder.Encode(kind, raw);
      file.append(encoded.begin(), encoded.end());
    }
    WriteAll(path_ + "/blocks.mwy", file);
    auto session = Session::Open(path_);
    ASSERT_TRUE(session);
    Replay(**session);
  }
}

TEST_F(DamageTest, FactsOfAWrongShapeAreSkipped) {
  const char* kFacts[] = {
      "null",
      "[]",
      "{}",
      "{\"type\":3}",
      "{\"type\":\"process\",\"process\":-1}",
      "{\"type\":\"process\",\"process\":4294967295,\"pid\":\"x\",\"clock\":7}",
      "{\"type\":\"process\",\"process\":65535}",
      "{\"type\":\"process\",\"clock_shift\":4000000000,\"clock\":[1,1],\"fork_clock\":9}",
      "{\"type\":\"os_samples\",\"samples\":[3,[],[1,2],{\"a\":1}],\"clock\":[1]}",
      "{\"type\":\"os_samples\",\"samples\":7}",
      "{\"type\":\"maps\",\"mappings\":[[9,1]]}",
      "{\"type\":\"maps\",\"process\":99,\"resident\":[5,4,3]}",
      "{\"type\":\"heap_dump\",\"file\":\"../../etc/passwd\"}",
      "{\"type\":\"unknown\"}",
      "{\"type\":\"window\",\"from_ns\":-5}",
      "{\"type\":\"end\"}",
      "{\"type\":\"session\"}"};
  BlockEncoder encoder;
  for (const char* fact : kFacts) {
    std::string file = bytes_.substr(0, sizeof(FileHeader));
    const std::string text = fact;
    const auto encoded =
        encoder.Encode(BlockKind::kFact,
                       std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    file.append(encoded.begin(), encoded.end());
    file.append(bytes_, sizeof(FileHeader));
    WriteAll(path_ + "/blocks.mwy", file);
    auto session = Session::Open(path_);
    ASSERT_TRUE(session) << fact;
    EXPECT_EQ(Replay(**session), Expected(bytes_.size())) << fact;
    for (const std::string& graph : (*session)->recording().heap_dumps) {
      EXPECT_EQ(graph, path_ + "/passwd");
    }
  }
}

}  // namespace
}  // namespace memwhy::session
