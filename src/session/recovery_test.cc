// SPDX-License-Identifier: Apache-2.0
//
// What a killed recorder or target leaves in ring files is read behind the blocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "session/fake_ring.h"
#include "session/reader.h"
#include "session/session_builder.h"
#include "session/temporary_directory.h"

namespace memwhy::session {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
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

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() : builder_(path_) {
    builder_.end.reset();
    ring_.header().clock_at_start = At(0);
    ring_.header().monotonic_ns_at_start = At(0);
  }

  std::unique_ptr<Session> Open() {
    ring_.WriteTo(path_ + "/ring.100.1");
    return *Session::Open(path_);
  }
  std::vector<std::uint64_t> Replay(const Session& session) {
    Released released;
    EXPECT_TRUE(session.Replay(released));
    return released.addresses;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "a.mwy";
  SessionBuilder builder_;
  FakeRing ring_;
};

TEST_F(RecoveryTest, RingBytesFollowTheDrainedOnes) {
  StreamEncoder& stream = builder_.Stream(0, 0);
  stream.Free(At(1), 0x1000);
  ASSERT_TRUE(builder_.WriteBlock());
  stream.Free(At(2), 0x2000);
  const std::uint64_t second = stream.offset();
  const auto second_bytes = stream.Take();
  stream.Free(At(3), 0x3000);
  const std::uint64_t third = stream.offset();
  const auto third_bytes = stream.Take();
  ASSERT_TRUE(builder_.Write());
  // Out of order in the file.
  ring_.SetChunk(0, ChunkState::kOwned, 0, third, third_bytes);
  ring_.SetChunk(2, ChunkState::kSealed, 0, second, second_bytes);
  const auto session = Open();
  EXPECT_THAT(Replay(*session), ElementsAre(0x1000, 0x2000, 0x3000));
  EXPECT_EQ(session->recording().damage, "");
  EXPECT_EQ(session->recording().ended, "recorder_lost");
}

TEST_F(RecoveryTest, BytesThatAreInBothAreReadOnce) {
  StreamEncoder& stream = builder_.Stream(0, 0);
  stream.Free(At(1), 0x1000);
  stream.Free(At(2), 0x2000);
  auto bytes = stream.bytes();
  ASSERT_TRUE(builder_.WriteBlock());
  stream.Free(At(3), 0x3000);
  const auto more = stream.Take();
  bytes.insert(bytes.end(), more.begin(), more.end());
  ASSERT_TRUE(builder_.Write());
  ring_.SetChunk(0, ChunkState::kOwned, 0, 0, bytes);  // drained in part
  EXPECT_THAT(Replay(*Open()), ElementsAre(0x1000, 0x2000, 0x3000));
}

TEST_F(RecoveryTest, FreeChunksAndEmptyOnesAreLeftOut) {
  ASSERT_TRUE(builder_.Write());
  StreamEncoder stream(At(0));
  stream.Free(At(1), 0x1000);
  ring_.SetChunk(0, ChunkState::kFree, 0, 0, stream.bytes());
  ring_.SetChunk(1, ChunkState::kOwned, 1, 0, {});
  EXPECT_THAT(Replay(*Open()), ElementsAre());
}

TEST_F(RecoveryTest, AProcessOfWhichOnlyTheRingIsLeftIsThere) {
  builder_.processes.clear();
  ASSERT_TRUE(builder_.Write());
  StreamEncoder stream(At(0));
  stream.Thread(100, "MainThread");
  stream.Free(At(1), 0x1000);
  ring_.SetChunk(0, ChunkState::kOwned, 0, 0, stream.bytes());
  ring_.header().lost_events.store(3);
  const auto session = Open();
  EXPECT_THAT(Replay(*session), ElementsAre(0x1000));
  ASSERT_EQ(session->recording().processes.size(), 1u);
  EXPECT_EQ(session->recording().processes[0].pid, 100u);
  EXPECT_EQ(session->recording().lost_events, 3u);
}

TEST_F(RecoveryTest, AGapInTheRingEndsTheStreamAndIsSaid) {
  ASSERT_TRUE(builder_.Write());
  StreamEncoder stream(At(0));
  stream.Free(At(1), 0x1000);
  ring_.SetChunk(0, ChunkState::kOwned, 0, 5, stream.bytes());
  const auto session = Open();
  EXPECT_THAT(Replay(*session), ElementsAre());
  EXPECT_THAT(session->recording().damage, HasSubstr("missing"));
}

TEST_F(RecoveryTest, RandomRingsDoNotCrash) {
  ASSERT_TRUE(builder_.Write());
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    FakeRing ring;
    for (std::uint32_t i = 0; i < 4; ++i) {
      std::vector<std::uint8_t> bytes(random() % 300);
      for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() % 40);
      ring.SetChunk(i, static_cast<ChunkState>(random() % 4), random() % 3, 0, bytes);
      if (random() % 4 == 0) ring.chunk(i).committed.store(random());
      if (random() % 4 == 0) ring.chunk(i).thread = random();
      if (random() % 4 == 0) ring.chunk(i).stream_offset = ~std::uint64_t{0} - random() % 50;
    }
    auto* header = reinterpret_cast<std::uint8_t*>(&ring.header());
    for (int i = 0; i < 3; ++i) {
      header[8 + random() % 200] = static_cast<std::uint8_t>(random());
    }
    const std::uint32_t count = ring.header().chunk_count;
    ring.header().chunk_count = 4;
    std::ofstream file(path_ + "/ring.100.1", std::ios::binary | std::ios::trunc);
    ring.header().chunk_count = count;
    file.write(reinterpret_cast<const char*>(&ring.header()),
               static_cast<std::streamsize>(wire::RingFileBytes(4)));
    file.close();
    auto session = Session::Open(path_);
    ASSERT_TRUE(session);
    Replay(**session);
  }
}

TEST_F(RecoveryTest, AFileThatIsNoRingIsSaid) {
  ASSERT_TRUE(builder_.Write());
  std::ofstream(path_ + "/ring.100.1") << "nonsense";
  const auto session = *Session::Open(path_);
  EXPECT_NE(session->recording().damage, "");
}

}  // namespace
}  // namespace memwhy::session
