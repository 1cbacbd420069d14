// SPDX-License-Identifier: Apache-2.0
#include "os/statm.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fake_file_system.h"

namespace memwhy::os {
namespace {

TEST(StatmTest, CountsPages) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/statm", "1000 200 50 10 0 300 0\n");
  const auto statm = ReadStatm(fs, 7);
  ASSERT_TRUE(statm);
  const Bytes page = static_cast<Bytes>(sysconf(_SC_PAGESIZE));
  EXPECT_EQ(statm->size, 1000 * page);
  EXPECT_EQ(statm->rss, 200 * page);
  EXPECT_EQ(statm->shared, 50 * page);
  EXPECT_EQ(statm->data, 300 * page);
  EXPECT_FALSE(ReadStatm(fs, 8));
  fs.AddFile("/proc/9/statm", "1 2 x\n");
  EXPECT_FALSE(ReadStatm(fs, 9));
}

TEST(StatusTest, ReadsTotals) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/status",
             "Name:\tpython\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssAnon:\t     512 kB\n"
             "RssFile:\t     256 kB\nRssShmem:\t     256 kB\nVmSwap:\t       8 kB\nThreads:\t3\n");
  const auto status = ReadStatus(fs, 7);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->rss, 1024u * 1024);
  EXPECT_EQ(status->rss_anon, 512u * 1024);
  EXPECT_EQ(status->rss_file, 256u * 1024);
  EXPECT_EQ(status->rss_shmem, 256u * 1024);
  EXPECT_EQ(status->peak_rss, 2048u * 1024);
  EXPECT_EQ(status->swap, 8u * 1024);
  EXPECT_EQ(status->threads, 3u);
}

TEST(StatusTest, ThisProcessHasMemoryAndAThread) {
  const RealFileSystem fs;
  const auto status = ReadStatus(fs, getpid());
  ASSERT_TRUE(status);
  EXPECT_GT(status->rss, 0u);
  EXPECT_GE(status->threads, 1u);
  EXPECT_GT(ReadStatm(fs, getpid())->rss, 0u);
}

}  // namespace
}  // namespace memwhy::os
