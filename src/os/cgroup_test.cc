// SPDX-License-Identifier: Apache-2.0
#include "os/cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fake_file_system.h"

namespace memwhy::os {
namespace {

constexpr const char* kMountV1 =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(CgroupTest, TakesTheLeastLimitOfAllAncestorsV2) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/cgroup", "0::/pods/a/b\n")
      .AddFile("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
      .AddFile("/sys/fs/cgroup/pods/a/b/memory.current", "4096\n")
      .AddFile("/sys/fs/cgroup/pods/a/b/memory.max", "max\n")
      .AddFile("/sys/fs/cgroup/pods/a/memory.max", "1048576\n")
      .AddFile("/sys/fs/cgroup/pods/memory.max", "2097152\n")
      .AddFile("/sys/fs/cgroup/pods/a/b/memory.events", "low 0\noom 2\noom_kill 1\n")
      .AddFile("/sys/fs/cgroup/pods/a/b/memory.stat",
               "anon 100\nfile 200\nkernel 300\nshmem 50\nfile_mapped 9\n");
  const auto memory = ReadCgroupMemory(fs, 7);
  ASSERT_TRUE(memory) << memory.error().message();
  EXPECT_EQ(memory->location.version, 2);
  EXPECT_EQ(memory->usage, 4096u);
  EXPECT_EQ(memory->limit, 1048576u);
  EXPECT_EQ(memory->limit_directory, "/sys/fs/cgroup/pods/a");
  EXPECT_EQ(memory->oom_kill, 1u);
  EXPECT_EQ(memory->anon, 100u);
  EXPECT_EQ(memory->file, 200u);
  EXPECT_EQ(memory->shmem, 50u);
  EXPECT_EQ(memory->kernel, 300u);
  EXPECT_EQ(memory->peak, std::nullopt);
}

TEST(CgroupTest, HybridHostUsesTheV1MemoryController) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/cgroup", "4:memory:/api/x\n1:cpu,cpuacct:/\n0::/\n")
      .AddFile("/proc/self/mountinfo", kMountV1)
      .AddFile("/sys/fs/cgroup/memory/api/x/memory.usage_in_bytes", "8192\n")
      .AddFile("/sys/fs/cgroup/memory/api/x/memory.limit_in_bytes", "9223372036854771712\n")
      .AddFile("/sys/fs/cgroup/memory/memory.limit_in_bytes", "65536\n")
      .AddFile("/sys/fs/cgroup/memory/api/x/memory.stat",
               "cache 1\nrss 2\ntotal_cache 10\ntotal_rss 20\ntotal_shmem 5\n")
      .AddFile("/sys/fs/cgroup/memory/api/x/memory.oom_control",
               "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  const auto memory = ReadCgroupMemory(fs, 7);
  ASSERT_TRUE(memory) << memory.error().message();
  EXPECT_EQ(memory->location.version, 1);
  EXPECT_EQ(memory->usage, 8192u);
  EXPECT_EQ(memory->limit, 65536u);
  EXPECT_EQ(memory->oom_kill, 3u);
  EXPECT_EQ(memory->anon, 20u);
  EXPECT_EQ(memory->file, 10u);
}

TEST(CgroupTest, CutsTheRootOfAContainersMount) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/cgroup", "0::/docker/abc/inner\n")
      .AddFile("/proc/self/mountinfo",
               "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n")
      .AddFile("/sys/fs/cgroup/inner/memory.current", "1\n");
  EXPECT_EQ(FindMemoryCgroup(fs, 7)->directory, "/sys/fs/cgroup/inner");
  // A path outside of what is mounted: the mount point stands for it.
  fs.AddFile("/proc/8/cgroup", "0::/../other\n");
  EXPECT_EQ(FindMemoryCgroup(fs, 8)->directory, "/sys/fs/cgroup");
}

TEST(CgroupTest, SaysWhenThereIsNone) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/cgroup", "").AddFile("/proc/self/mountinfo", "");
  EXPECT_EQ(FindMemoryCgroup(fs, 7).error().message(),
            "process 7 is in no memory cgroup that is mounted here");
}

TEST(CgroupTest, ReadsTheOneOfThisProcess) {
  const RealFileSystem fs;
  const auto memory = ReadCgroupMemory(fs, getpid());
  if (!memory) GTEST_SKIP() << memory.error().message();
  EXPECT_TRUE(fs.Exists(memory->location.directory));
}

TEST(CgroupTest, CountersOfVersion2) {
  FakeFileSystem fs;
  fs.AddFile("/sys/fs/cgroup/app/memory.stat", "anon 5\n")
      .AddFile("/sys/fs/cgroup/app/w/memory.stat", "anon 4\n")
      .AddFile("/sys/fs/cgroup/app/memory.max", "4096\n")
      .AddFile("/sys/fs/cgroup/app/w/memory.max", "max\n")
      .AddFile("/sys/fs/cgroup/app/w/memory.current", "4000\n")
      .AddFile("/sys/fs/cgroup/app/w/memory.oom.group", "1\n")
      .AddFile("/sys/fs/cgroup/app/w/memory.events",
               "low 0\nhigh 2\nmax 7\noom 3\noom_kill 5\noom_group_kill 1\n");
  const auto counters = ReadOomCounters(fs, "/sys/fs/cgroup/app/w/");
  ASSERT_TRUE(counters) << counters.error().message();
  EXPECT_EQ(counters->oom_kills, 5u);
  EXPECT_EQ(counters->oom_events, 3u);
  EXPECT_EQ(counters->group_kills, 1u);
  EXPECT_EQ(counters->limit_hits, 7u);
  EXPECT_EQ(counters->kills_group, true);
  EXPECT_EQ(counters->limit, 4096u);
  EXPECT_EQ(counters->limit_directory, "/sys/fs/cgroup/app");
}

TEST(CgroupTest, CountersOfVersion1) {
  FakeFileSystem fs;
  fs.AddFile("/cg/memory/app/memory.usage_in_bytes", "100\n")
      .AddFile("/cg/memory/app/memory.limit_in_bytes", "9223372036854771712\n")
      .AddFile("/cg/memory/app/memory.failcnt", "9\n")
      .AddFile("/cg/memory/app/memory.oom_control",
               "oom_kill_disable 1\nunder_oom 1\noom_kill 2\n");
  const auto counters = ReadOomCounters(fs, "/cg/memory/app");
  ASSERT_TRUE(counters) << counters.error().message();
  EXPECT_EQ(counters->version, 1);
  EXPECT_EQ(counters->oom_kills, 2u);
  EXPECT_EQ(counters->limit_hits, 9u);
  EXPECT_EQ(counters->is_killer_off, true);
  EXPECT_EQ(counters->limit, std::nullopt);
  EXPECT_EQ(counters->oom_events, std::nullopt);
}

TEST(CgroupTest, AFolderThatIsNoCgroupIsRefused) {
  FakeFileSystem fs;
  fs.AddFile("/tmp/x/file", "1");
  const auto counters = ReadOomCounters(fs, "/tmp/x");
  ASSERT_FALSE(counters);
  EXPECT_NE(counters.error().message().find("no memory cgroup"), std::string::npos);
}

}  // namespace
}  // namespace memwhy::os
