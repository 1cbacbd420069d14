// SPDX-License-Identifier: Apache-2.0
#include "session/ring_place.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"
#include "session/fake_ring.h"
#include "session/reader.h"
#include "session/session_builder.h"
#include "session/temporary_directory.h"

namespace memwhy::session {
namespace {

// A session of one process whose last events are in a ring elsewhere: the recorder was killed.
class RingPlaceTest : public testing::Test {
 protected:
  RingPlaceTest() : session_(directory_ / "s.mwy"), folder_(directory_ / "memwhy-rings.a") {
    SessionBuilder builder(session_);
    StreamEncoder& stream = builder.Stream(0, 0);
    stream.Thread(100, "MainThread");
    stream.Allocate(At(1), wire::Allocator::kMalloc, 0x1000, 64, wire::kStackNone);
    builder.end.reset();
    EXPECT_TRUE(builder.Write());
    const std::uint64_t offset = stream.offset();
    stream.Allocate(At(2), wire::Allocator::kMalloc, 0x2000, 64, wire::kStackNone);
    records_ = stream.Take();
    mkdir(folder_.c_str(), 0700);
    FakeRing ring;
    ring.header().clock_at_start = At(0);
    ring.header().monotonic_ns_at_start = At(0);
    ring.SetChunk(2, wire::ChunkState::kSealed, 0, offset, records_);
    ring.WriteTo(folder_ + "/ring.100.1");
    EXPECT_TRUE(WriteRingPlace(session_, folder_));
  }

  std::uint64_t Records() {
    const auto session = Session::Open(session_);
    return session ? (*session)->records() : 0;
  }
  bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

  TemporaryDirectory directory_;
  std::string session_;
  std::string folder_;
  std::vector<std::uint8_t> records_;
};

TEST_F(RingPlaceTest, RingsElsewhereAreRead) {
  const RingPlace place = FindRingPlace(session_);
  EXPECT_EQ(place.folder, folder_);
  EXPECT_EQ(place.trouble, "");
  EXPECT_TRUE(place.is_ours);
  EXPECT_EQ(SessionOfRings(folder_), session_);
  EXPECT_EQ(FindAllRings(session_).size(), 1u);
  EXPECT_EQ(Records(), 3u) << "a thread and two allocations";
}

TEST_F(RingPlaceTest, RingsComeHomeAndStayWhatTheyWere) {
  ASSERT_TRUE(BringRingsHome(session_));
  EXPECT_FALSE(Exists(folder_));
  EXPECT_FALSE(Exists(session_ + "/rings-in"));
  EXPECT_TRUE(Exists(session_ + "/ring.100.1"));
  EXPECT_EQ(Records(), 3u);
  EXPECT_TRUE(BringRingsHome(session_)) << "nothing is left to do";
}

TEST_F(RingPlaceTest, ARecorderThatLivesKeepsItsRings) {
  const UniqueFd blocks(open((session_ + "/blocks.mwy").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(flock(blocks.get(), LOCK_EX), 0);
  EXPECT_TRUE(BringRingsHome(session_));
  EXPECT_TRUE(Exists(folder_ + "/ring.100.1"));
}

TEST_F(RingPlaceTest, AProcessThatLivesKeepsItsRing) {
  FakeRing ring;
  ring.header().pid = static_cast<std::uint32_t>(getpid());
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  ring.header().start_ticks = std::stoull(field);
  ring.WriteTo(folder_ + "/ring.1.1");
  EXPECT_TRUE(BringRingsHome(session_));
  EXPECT_TRUE(Exists(folder_ + "/ring.100.1"));
  EXPECT_FALSE(Exists(session_ + "/ring.100.1"));
}

TEST_F(RingPlaceTest, ACopyOfTheSessionReadsTheRingsAndTakesNothing) {
  const std::string copy = directory_ / "copy.mwy";
  std::filesystem::copy(session_, copy, std::filesystem::copy_options::recursive);
  EXPECT_FALSE(FindRingPlace(copy).is_ours);
  EXPECT_EQ(FindAllRings(copy).size(), 1u);
  EXPECT_TRUE(BringRingsHome(copy));
  EXPECT_TRUE(Exists(folder_ + "/ring.100.1"));
}

TEST_F(RingPlaceTest, AFolderThatIsGoneIsNamedAndTheSessionIsNotComplete) {
  std::filesystem::remove_all(folder_);
  const auto session = Session::Open(session_);
  ASSERT_TRUE(session);
  EXPECT_FALSE((*session)->recording().complete);
  ASSERT_FALSE((*session)->recording().notes.empty());
  EXPECT_NE((*session)->recording().notes.front().find(folder_), std::string::npos);
  EXPECT_EQ((*session)->records(), 2u);
}

TEST_F(RingPlaceTest, AFolderWhereOthersMayWriteIsNotTrusted) {
  chmod(folder_.c_str(), 0777);
  const RingPlace place = FindRingPlace(session_);
  EXPECT_EQ(place.folder, "");
  EXPECT_NE(place.trouble, "");
  EXPECT_TRUE(BringRingsHome(session_));
  EXPECT_TRUE(Exists(folder_ + "/ring.100.1"));
}

TEST_F(RingPlaceTest, LinksAreNotFollowed) {
  std::filesystem::rename(folder_, directory_ / "other");
  std::filesystem::create_symlink(directory_ / "other", folder_);
  EXPECT_EQ(FindRingPlace(session_).folder, "");
  std::filesystem::remove(session_ + "/rings-in");
  std::ofstream(directory_ / "place") << directory_ / "other" << "\n";
  std::filesystem::create_symlink(directory_ / "place", session_ + "/rings-in");
  EXPECT_EQ(FindRingPlace(session_).folder, "");
  EXPECT_NE(FindRingPlace(session_).trouble, "");
}

TEST_F(RingPlaceTest, WhatIsNoPathNamesNoFolder) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("ring\n"), std::string("/a\n/b\n"),
        std::string(5000, '/'), folder_ + "\0x\n"}) {
    std::ofstream(session_ + "/rings-in", std::ios::trunc) << text;
    const RingPlace place = FindRingPlace(session_);
    EXPECT_TRUE(place.folder.empty() || place.folder == folder_) << text;
  }
  std::filesystem::remove(session_ + "/rings-in");
  ASSERT_EQ(mkfifo((session_ + "/rings-in").c_str(), 0600), 0);
  EXPECT_EQ(FindRingPlace(session_).folder, "") << "and it does not wait for a writer";
}

TEST_F(RingPlaceTest, ARingThatIsAPipeIsDamageAndNoWait) {
  ASSERT_EQ(mkfifo((session_ + "/ring.7.7").c_str(), 0600), 0);
  const auto session = Session::Open(session_);
  ASSERT_TRUE(session);
  EXPECT_NE((*session)->recording().damage, "");
}

TEST_F(RingPlaceTest, AFolderWithARingIsNotRemoved) {
  EXPECT_FALSE(RemoveRingPlace(session_, folder_));
  EXPECT_TRUE(Exists(session_ + "/rings-in"));
  std::filesystem::remove(folder_ + "/ring.100.1");
  std::ofstream(folder_ + "/ring.101.1.tmp") << "of one who was killed";
  EXPECT_TRUE(RemoveRingPlace(session_, folder_));
  EXPECT_FALSE(Exists(session_ + "/rings-in"));
  EXPECT_FALSE(Exists(folder_));
}

}  // namespace
}  // namespace memwhy::session
