// SPDX-License-Identifier: Apache-2.0
#include "recorder/os_sampler.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fake_file_system.h"

namespace memwhy::recorder {
namespace {

constexpr char kStat[] =
    "7 (python3) S 1 7 7 0 -1 4194304 0 0 0 0 150 50 0 0 20 0 3 0 100 20000000 2000";

TEST(OsSampler, ReadsMemoryThreadsAndProcessorTime) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/statm", "4882 2000 500 1 0 1000 0\n").AddFile("/proc/7/stat", kStat);
  OsSampler sampler(&fs, 7, 0);
  const auto sample = sampler.Sample();
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->rss, 2000u * static_cast<unsigned>(sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(sample->threads, std::optional<std::uint32_t>(3));
  ASSERT_TRUE(sample->cpu_seconds);
  EXPECT_DOUBLE_EQ(*sample->cpu_seconds, 200.0 / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

// The kernel shows no memory of it; a sample of 0 bytes would be a fall that never was.
TEST(OsSampler, TakesNoSampleOfAProcessThatHasEnded) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/statm", "0 0 0 0 0 0 0\n").AddFile("/proc/7/stat", kStat);
  OsSampler sampler(&fs, 7, 0);
  EXPECT_FALSE(sampler.Sample());
}

}  // namespace
}  // namespace memwhy::recorder
