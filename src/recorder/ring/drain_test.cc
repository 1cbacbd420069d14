// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "session/fake_ring.h"
#include "session/reader.h"
#include "session/stream_encoder.h"
#include "session/temporary_directory.h"

namespace memwhy::recorder {
namespace {

using session::FakeRing;
using session::StreamEncoder;
using ::testing::ElementsAre;
using wire::ChunkState;

class Released : public model::EventVisitor {
 public:
  void OnAcquire(const model::Acquire&) override {}
  void OnRelease(double, model::ProcessId, model::ThreadId, std::uint64_t address) override {
    addresses.push_back(address);
  }
  void OnUnmap(double, model::ProcessId, model::ThreadId, std::uint64_t, std::uint64_t) override {}
  std::vector<std::uint64_t> addresses;
};

class DrainTest : public ::testing::Test {
 protected:
  DrainTest() {
    FakeRing().WriteTo(directory_ / "ring.100.1");
    ring_ = *RingMap::Open(directory_ / "ring.100.1");
    writer_ = *session::SessionWriter::Create(directory_ / "a.mwy");
    drain_ = std::make_unique<Drain>(ring_.get(), 0);
  }

  void Put(std::uint32_t chunk, ChunkState state, std::uint64_t offset,
           const std::vector<std::uint8_t>& bytes) {
    std::copy(bytes.begin(), bytes.end(),
              reinterpret_cast<std::uint8_t*>(&ring_->header()) +
                  wire::PoolOffset(ring_->chunk_count()) + chunk * wire::kChunkBytes);
    wire::ChunkHeader& header = ring_->chunk(chunk);
    header.thread = 0;
    header.stream_offset = offset;
    header.committed.store(static_cast<std::uint32_t>(bytes.size()));
    header.state.store(static_cast<std::uint32_t>(state));
    ring_->header().chunks_used.store(4);
  }
  ChunkState StateOf(std::uint32_t chunk) {
    return static_cast<ChunkState>(ring_->chunk(chunk).state.load());
  }
  void Round() {
    drain_->Look();
    ASSERT_TRUE(drain_->Collect(writer_.get(), session::TimePrecision::kExact));
    ASSERT_TRUE(writer_->Flush());
    drain_->Release();
  }
  std::vector<std::uint64_t> ReadBack() {
    Released released;
    EXPECT_TRUE((*session::Session::Open(directory_ / "a.mwy"))->Replay(released));
    return released.addresses;
  }
  // One record that releases `address`.
  std::vector<std::uint8_t> Record(std::uint64_t address, std::uint64_t* offset) {
    stream_.Free(++time_, address);
    *offset = stream_.offset();
    return stream_.Take();
  }

  session::TemporaryDirectory directory_;
  std::unique_ptr<RingMap> ring_;
  std::unique_ptr<session::SessionWriter> writer_;
  std::unique_ptr<Drain> drain_;
  StreamEncoder stream_;
  std::uint64_t time_ = 0;
};

TEST_F(DrainTest, NothingIsTakenFromChunksThatWereCutOff) {
  std::uint64_t at[2];
  const auto first = Record(0x1000, &at[0]);
  Put(0, ChunkState::kOwned, at[0], first);
  Round();
  const auto second = Record(0x2000, &at[1]);
  Put(1, ChunkState::kSealed, at[1], second);
  ASSERT_EQ(
      truncate(ring_->path().c_str(), static_cast<off_t>(wire::PoolOffset(ring_->chunk_count()))),
      0);
  Round();
  EXPECT_THAT(ReadBack(), ElementsAre(0x1000));
  // Zeros instead of records would be damage.
  EXPECT_EQ((*session::Session::Open(directory_ / "a.mwy"))->recording().damage, "");
}

TEST_F(DrainTest, AStreamIsPutTogetherFromChunksInAnyOrder) {
  std::uint64_t at[3];
  const auto first = Record(0x1000, &at[0]);
  const auto second = Record(0x2000, &at[1]);
  const auto third = Record(0x3000, &at[2]);
  Put(2, ChunkState::kSealed, at[0], first);
  Put(0, ChunkState::kSealed, at[1], second);
  Put(1, ChunkState::kOwned, at[2], third);
  Round();
  EXPECT_THAT(ReadBack(), ElementsAre(0x1000, 0x2000, 0x3000));
  EXPECT_EQ(StateOf(0), ChunkState::kFree);
  EXPECT_EQ(StateOf(2), ChunkState::kFree);
  EXPECT_EQ(StateOf(1), ChunkState::kOwned) << "its thread goes on writing";
}

TEST_F(DrainTest, AGrowingChunkIsReadFromWhereItWasLeft) {
  std::uint64_t at = 0;
  auto bytes = Record(0x1000, &at);
  Put(0, ChunkState::kOwned, 0, bytes);
  Round();
  const auto more = Record(0x2000, &at);
  bytes.insert(bytes.end(), more.begin(), more.end());
  Put(0, ChunkState::kSealed, 0, bytes);
  Round();
  EXPECT_THAT(ReadBack(), ElementsAre(0x1000, 0x2000));
  EXPECT_EQ(StateOf(0), ChunkState::kFree);
  EXPECT_EQ(ring_->chunk(0).committed.load(), 0u) << "the next owner starts empty";
}

TEST_F(DrainTest, AChunkIsGivenBackOnlyAfterTheFlush) {
  std::uint64_t at = 0;
  Put(0, ChunkState::kSealed, 0, Record(0x1000, &at));
  drain_->Look();
  ASSERT_TRUE(drain_->Collect(writer_.get(), session::TimePrecision::kExact));
  EXPECT_EQ(StateOf(0), ChunkState::kSealed);
  ASSERT_TRUE(writer_->Flush());
  drain_->Release();
  EXPECT_EQ(StateOf(0), ChunkState::kFree);
}

TEST_F(DrainTest, AChunkBehindAGapWaitsForWhatIsMissing) {
  std::uint64_t first_at = 0;
  std::uint64_t second_at = 0;
  const auto first = Record(0x1000, &first_at);
  const auto second = Record(0x2000, &second_at);
  Put(1, ChunkState::kSealed, second_at, second);
  Round();
  EXPECT_EQ(StateOf(1), ChunkState::kSealed);
  Put(0, ChunkState::kSealed, first_at, first);
  Round();
  EXPECT_THAT(ReadBack(), ElementsAre(0x1000, 0x2000));
  EXPECT_EQ(StateOf(1), ChunkState::kFree);
}

TEST_F(DrainTest, AWantedChunkIsReadLikeAnOwnedOne) {
  std::uint64_t at = 0;
  Put(0, ChunkState::kWanted, 0, Record(0x1000, &at));
  Round();
  EXPECT_THAT(ReadBack(), ElementsAre(0x1000));
  EXPECT_EQ(StateOf(0), ChunkState::kWanted) << "its owner or QuietChunks seals it";
}

TEST_F(DrainTest, ASecondLookSeesWhatAnotherThreadDidMeanwhile) {
  std::uint64_t at = 0;
  auto bytes = Record(0x1000, &at);
  Put(0, ChunkState::kOwned, 0, bytes);
  drain_->Look();
  EXPECT_EQ(drain_->CountBusy(), 1u);
  const auto more = Record(0x2000, &at);
  bytes.insert(bytes.end(), more.begin(), more.end());
  Put(0, ChunkState::kOwned, 0, bytes);
  EXPECT_FALSE(drain_->HasMore()) << "the same thread goes on";
  Put(1, ChunkState::kOwned, 0, bytes);
  ring_->chunk(1).thread = 1;
  EXPECT_TRUE(drain_->HasMore());
  Round();
  EXPECT_EQ(drain_->CountBusy(), 2u);
  drain_->Look();
  EXPECT_EQ(drain_->CountBusy(), 0u);
  EXPECT_FALSE(drain_->HasMore());
}

TEST_F(DrainTest, NonsenseInChunkHeadersIsLeftAlone) {
  Put(0, ChunkState::kOwned, 0, {1, 2, 3});
  ring_->chunk(0).committed.store(wire::kChunkBytes + 1);
  Put(1, ChunkState::kFree, 0, {1, 2, 3});
  Put(2, ChunkState::kOwned, ~std::uint64_t{0}, {1, 2, 3});
  Put(3, ChunkState::kSealed, 0, {});
  ring_->chunk(3).thread = 0xffffffff;
  Round();
  EXPECT_EQ(drain_->bytes(), 0u);
}

TEST_F(DrainTest, ARingWithAnImpossibleSizeIsRefused) {
  FakeRing ring;
  ring.WriteTo(directory_ / "ring.1.1");
  EXPECT_TRUE(RingMap::Open(directory_ / "ring.1.1"));
  ring.header().chunk_count = 100;  // more than the file holds
  ring.header().magic[0] = 'M';
  std::ofstream(directory_ / "ring.2.1", std::ios::binary)
      .write(reinterpret_cast<const char*>(&ring.header()),
             static_cast<std::streamsize>(wire::RingFileBytes(4)));
  EXPECT_FALSE(RingMap::Open(directory_ / "ring.2.1"));
  EXPECT_FALSE(RingMap::Open(directory_ / "none"));
}

}  // namespace
}  // namespace memwhy::recorder
