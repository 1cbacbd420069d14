// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/fake_file_system.h"

namespace memwhy::os {
namespace {

using ::testing::ElementsAre;

std::string Stat(const std::string& name, int parent) {
  return "7 (" + name + ") S " + std::to_string(parent) +
         " 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 200 18446744073709551615\n";
}

TEST(ProcessTest, NameMayHoldParentheses) {
  const auto stat = ParseStat(Stat("a) R (b", 3));
  ASSERT_TRUE(stat) << stat.error().message();
  EXPECT_EQ(stat->comm, "a) R (b");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 3);
  EXPECT_EQ(stat->start_ticks, 987654u);
  EXPECT_FALSE(ParseStat("7 (x) S 1"));
  EXPECT_FALSE(ParseStat(""));
}

TEST(ProcessTest, ReadsThreadsWithTheirSystemCall) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/task/9/stat", Stat("worker", 1))
      .AddFile("/proc/7/task/9/syscall", "202 0x1 0x2 0x3 0x0 0x0 0x0 0x7ff 0x7f0\n")
      .AddFile("/proc/7/task/10/stat", Stat("busy", 1))
      .AddFile("/proc/7/task/10/syscall", "running\n")
      .AddFile("/proc/7/task/11/status", "gone meanwhile");
  const auto tasks = ReadTasks(fs, 7);
  ASSERT_TRUE(tasks);
  ASSERT_EQ(tasks->size(), 2u);
  EXPECT_EQ((*tasks)[0].tid, 9);
  EXPECT_EQ((*tasks)[0].comm, "worker");
  EXPECT_EQ((*tasks)[0].system_call, 202);
  EXPECT_EQ((*tasks)[1].system_call, std::nullopt);
}

TEST(ProcessTest, ReadsCommandLineAndExecutable) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/cmdline", std::string("python\0-c\0\0", 11))
      .AddLink("/proc/7/exe", "/usr/bin/python3.11 (deleted)");
  EXPECT_THAT(*ReadCommandLine(fs, 7), ElementsAre("python", "-c", ""));
  EXPECT_EQ(*ReadExecutable(fs, 7), "/usr/bin/python3.11");
}

TEST(ProcessTest, FindsChildren) {
  FakeFileSystem fs;
  fs.AddFile("/proc/7/stat", Stat("a", 1)).AddFile("/proc/8/stat", Stat("b", 7));
  fs.AddFile("/proc/meminfo", "");
  EXPECT_THAT(*FindChildren(fs, 7), ElementsAre(8));
}

TEST(ProcessTest, ThisProcessKnowsItsParent) {
  const RealFileSystem fs;
  EXPECT_EQ(ReadProcessStat(fs, getpid())->parent, getppid());
  EXPECT_GE(ReadTasks(fs, getpid())->size(), 1u);
}

}  // namespace
}  // namespace memwhy::os
