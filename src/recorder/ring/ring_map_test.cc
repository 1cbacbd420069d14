// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/ring_map.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "session/fake_ring.h"
#include "session/temporary_directory.h"

namespace memwhy::recorder {
namespace {

class RingMapTest : public ::testing::Test {
 protected:
  RingMapTest() : path_(directory_ / "ring.100.1") {
    session::FakeRing ring;
    ring.SetChunk(2, wire::ChunkState::kOwned, 0, 0, {});
    ring.WriteTo(path_);
    ring_ = *RingMap::Open(path_);
  }
  off_t FileSize() const {
    struct stat status{};
    return stat(path_.c_str(), &status) == 0 ? status.st_size : -1;
  }

  session::TemporaryDirectory directory_;
  std::string path_;
  std::unique_ptr<RingMap> ring_;
};

TEST_F(RingMapTest, AFileThatBecomesShorterReadsAsAnEmptyRing) {
  std::uint8_t bytes[16];
  ASSERT_TRUE(ring_->CopyBytes(2, wire::kChunkBytes - 16, bytes));
  ASSERT_EQ(ring_->header().chunks_used.load(), 3u);
  ASSERT_EQ(truncate(path_.c_str(), 0), 0);
  EXPECT_EQ(ring_->header().chunks_used.load(), 0u) << "without an end by a signal";
  EXPECT_FALSE(ring_->CopyBytes(2, 0, bytes));
  ring_->Beat();
  ring_->Stop();
}

TEST_F(RingMapTest, AShortFileIsFoundAndMadeWhole) {
  const off_t size = FileSize();
  ring_->Refresh();
  EXPECT_FALSE(ring_->is_lost());
  ASSERT_EQ(truncate(path_.c_str(), size / 2), 0);
  while (!ring_->is_lost()) ring_->Refresh();
  EXPECT_EQ(FileSize(), size);
  EXPECT_NE(ring_->info().detached_ns, 0u);
  EXPECT_EQ(ring_->info().pid, 100u) << "the last good copy stays";
  const auto again = RingMap::Open(path_);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->header().stop.load(), 1u) << "the agent is told to stop";
}

TEST_F(RingMapTest, AnotherBusErrorEndsTheProcess) {
  EXPECT_EXIT(raise(SIGBUS), ::testing::KilledBySignal(SIGBUS), "");
  EXPECT_EXIT(
      {
        const std::string other = directory_ / "other";
        session::FakeRing().WriteTo(other);
        FILE* file = std::fopen(other.c_str(), "r+");
        auto* page = static_cast<volatile char*>(
            mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fileno(file), 0));
        static_cast<void>(truncate(other.c_str(), 0) == 0 && page[0] == 0);
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace memwhy::recorder
