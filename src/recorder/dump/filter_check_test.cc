// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/filter_check.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fake_file_system.h"
#include "recorder/dump/filter_trial.h"
#include "session/fake_ring.h"
#include "wire/ring_extra.h"

namespace memwhy::recorder {
namespace {

std::string Status(int mode, const std::string& filters) {
  return "Tgid:\t7\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\nSeccomp:\t" + std::to_string(mode) + "\n" +
         (filters.empty() ? "" : "Seccomp_filters:\t" + filters + "\n");
}

std::string ObstacleOf(int mode, const std::string& filters, std::uint32_t tried) {
  return FilterObstacle(*os::ParseStatus(Status(mode, filters)), tried);
}

TEST(FilterCheckTest, WithoutAFilterNothingIsInTheWay) {
  EXPECT_EQ(ObstacleOf(0, "0", 0), "");
  EXPECT_EQ(ObstacleOf(0, "", 3), "");
}

TEST(FilterCheckTest, FiltersThatWereTriedAreNotInTheWayAndMoreAre) {
  EXPECT_EQ(ObstacleOf(2, "2", 2), "");
  EXPECT_EQ(ObstacleOf(2, "1", 2), "");
  EXPECT_NE(ObstacleOf(2, "3", 2), "");
  EXPECT_NE(ObstacleOf(2, "1", 0), "");
}

TEST(FilterCheckTest, StrictModeAndAKernelThatDoesNotCountAreInTheWay) {
  EXPECT_NE(ObstacleOf(1, "0", 2), "");
  EXPECT_NE(ObstacleOf(2, "", 2), "");
}

TEST(FilterCheckTest, TheFilterOfOneThreadIsEnough) {
  FakeFileSystem fs;
  session::FakeRing ring;
  fs.AddFile("/proc/7/task/7/status", Status(0, "0"));
  fs.AddFile("/proc/7/task/8/status", Status(0, "0"));
  EXPECT_TRUE(CheckFilters(fs, 7, ring.header()));
  fs.AddFile("/proc/7/task/8/status", Status(2, "1"));
  const auto checked = CheckFilters(fs, 7, ring.header());
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message().find("seccomp"), std::string::npos);
  wire::ExtraOf(ring.header()).tried_filters.store(1);
  EXPECT_TRUE(CheckFilters(fs, 7, ring.header()));
}

// In a child: what TryFilters says of a filter that answers one call in this way.
std::uint32_t TriedUnder(long number, std::uint32_t answer) {
  const pid_t child = fork();
  if (child == 0) {
    sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<std::uint32_t>(number)},
        {BPF_RET | BPF_K, 0, 0, answer},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    const sock_fprog program{4, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
      _exit(99);
    }
    _exit(static_cast<int>(TryFilters(RealFileSystem())));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? static_cast<std::uint32_t>(WEXITSTATUS(status)) : 98;
}

TEST(FilterTrialTest, AFilterThatRefusesIsHarmlessAndOneThatKillsIsNot) {
  std::uint32_t before = 0;
  if (const auto own = os::ReadProcessStatus(RealFileSystem(), getpid())) {
    before = own->filters.value_or(0);
  }
  if (before != 0 && TryFilters(RealFileSystem()) == 0) GTEST_SKIP() << "the filters here kill";
  EXPECT_EQ(TriedUnder(SYS_kexec_load, SECCOMP_RET_KILL_PROCESS), before + 1);
  EXPECT_EQ(TriedUnder(SYS_sched_setscheduler, SECCOMP_RET_ERRNO | 1), before + 1);
  EXPECT_EQ(TriedUnder(SYS_sched_setscheduler, SECCOMP_RET_KILL_PROCESS), 0u);
}

}  // namespace
}  // namespace memwhy::recorder
