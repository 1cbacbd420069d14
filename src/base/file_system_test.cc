// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fake_file_system.h"
#include "base/strings.h"

namespace memwhy {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

TEST(FileSystemTest, ReadsFilesThatReportNoSize) {
  const RealFileSystem fs;
  const auto status = fs.ReadSmall("/proc/self/status");
  ASSERT_TRUE(status);
  EXPECT_TRUE(memwhy::Contains(*status, "VmRSS:"));
  EXPECT_THAT(*fs.ListDir("/proc/self"), Contains("maps"));
  EXPECT_TRUE(fs.ReadLink("/proc/self/exe"));
}

TEST(FileSystemTest, SaysWhatItCouldNotRead) {
  const RealFileSystem fs;
  EXPECT_EQ(fs.ReadSmall("/nowhere").error().message(), "read /nowhere: No such file or directory");
  EXPECT_FALSE(fs.ListDir("/nowhere"));
  EXPECT_FALSE(fs.Exists("/nowhere"));
}

TEST(FileSystemTest, FakeDerivesFolders) {
  FakeFileSystem fs;
  fs.AddFile("/proc/1/stat", "x").AddLink("/proc/1/exe", "/bin/a").AddFailure("/proc/2/maps", "no");
  EXPECT_THAT(*fs.ListDir("/proc"), ElementsAre("1", "2"));
  EXPECT_THAT(*fs.ListDir("/proc/1"), ElementsAre("exe", "stat"));
  EXPECT_EQ(*fs.ReadLink("/proc/1/exe"), "/bin/a");
  EXPECT_EQ(fs.ReadSmall("/proc/2/maps").error().message(), "no");
  EXPECT_TRUE(fs.Exists("/proc/1"));
  EXPECT_FALSE(fs.Exists("/proc/3"));
}

TEST(ClockTest, FakeStandsStillButForAdvance) {
  FakeClock clock(1000);
  clock.SleepNs(5);
  EXPECT_EQ(clock.MonotonicNs(), 5u);
  EXPECT_EQ(clock.WallNs(), 1005u);
  const RealClock real;
  const auto earlier = real.MonotonicNs();
  EXPECT_LE(earlier, real.MonotonicNs());
}

}  // namespace
}  // namespace memwhy
