// SPDX-License-Identifier: Apache-2.0
#include "os/processors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fake_file_system.h"

namespace memwhy::os {
namespace {

TEST(ProcessorsTest, CountsTheAffinityAndTakesTheLeastQuotaV2) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-2,5,7-8\n")
      .AddFile("/sys/devices/system/cpu/online", "0-1,4-7\n")
      .AddFile("/proc/7/cgroup", "0::/pods/a\n")
      .AddFile("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
      .AddFile("/sys/fs/cgroup/pods/a/cpu.max", "400000 100000\n")
      .AddFile("/sys/fs/cgroup/pods/cpu.max", "150000 100000\n")
      .AddFile("/sys/fs/cgroup/cpu.max", "max 100000\n");
  const auto processors = ReadProcessors(fs, 7);
  ASSERT_TRUE(processors) << processors.error().message();
  EXPECT_EQ(processors->allowed, 4);
  EXPECT_EQ(processors->quota, 1.5);
}

TEST(ProcessorsTest, ReadsTheCpuControllerOfV1) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/status", "Cpus_allowed_list:\t3\n")
      .AddFile("/proc/7/cgroup", "4:memory:/api/x\n2:cpu,cpuacct:/api\n0::/\n")
      .AddFile("/proc/self/mountinfo",
               "36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n")
      .AddFile("/sys/fs/cgroup/cpu,cpuacct/api/cpu.cfs_quota_us", "50000\n")
      .AddFile("/sys/fs/cgroup/cpu,cpuacct/api/cpu.cfs_period_us", "100000\n")
      .AddFile("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
      .AddFile("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const auto processors = ReadProcessors(fs, 7);
  ASSERT_TRUE(processors) << processors.error().message();
  EXPECT_EQ(processors->allowed, 1);
  EXPECT_EQ(processors->quota, 0.5);
}

TEST(ProcessorsTest, WithoutACgroupThereIsNoQuota) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/status", "Cpus_allowed_list:\t0-1\n")
      .AddFile("/proc/7/cgroup", "")
      .AddFile("/proc/self/mountinfo", "");
  const auto processors = ReadProcessors(fs, 7);
  ASSERT_TRUE(processors) << processors.error().message();
  EXPECT_EQ(processors->allowed, 2);
  EXPECT_EQ(processors->quota, std::nullopt);
  EXPECT_FALSE(ReadProcessors(fs, 8));
}

TEST(ProcessorsTest, ReadsThisProcess) {
  const RealFileSystem fs;
  const auto processors = ReadProcessors(fs, getpid());
  ASSERT_TRUE(processors) << processors.error().message();
  EXPECT_GE(processors->allowed, 1);
}

}  // namespace
}  // namespace memwhy::os
