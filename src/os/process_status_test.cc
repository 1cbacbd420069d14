// SPDX-License-Identifier: Apache-2.0
#include "os/process_status.h"

#include <gtest/gtest.h>

namespace memwhy::os {
namespace {

TEST(ProcessStatusTest, FiltersOnSystemCalls) {
  const std::string signals = "SigCgt:\t0000000000000000\n";
  EXPECT_EQ(ParseStatus(signals)->seccomp, Seccomp::kNone);
  EXPECT_FALSE(ParseStatus(signals)->filters);
  EXPECT_EQ(ParseStatus(signals + "Seccomp:\t1\n")->seccomp, Seccomp::kStrict);
  const auto filtered = ParseStatus(signals + "Seccomp:\t2\nSeccomp_filters:\t3\n");
  EXPECT_EQ(filtered->seccomp, Seccomp::kFilter);
  EXPECT_EQ(filtered->filters, 3u);
}

TEST(ProcessStatusTest, SignalsAndNamespacesOfAStatus) {
  const auto status = ParseStatus(
      "Name:\tpython3\nTgid:\t4711\nTracerPid:\t12\nNSpid:\t4711\t17\t1\n"
      "ShdPnd:\t0000000000010000\nSigBlk:\t0000000000000004\nSigIgn:\t0000000001001000\nSigCgt:"
      "\t2000000000000002\n");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->thread_group, 4711);
  EXPECT_EQ(status->tracer, 12);
  EXPECT_EQ(status->namespace_pids, (std::vector<pid_t>{4711, 17, 1}));
  EXPECT_EQ(status->signals.pending, 0x10000u);
  EXPECT_EQ(status->signals.blocked, 4u);
  EXPECT_EQ(status->signals.ignored, 0x1001000u);
  EXPECT_EQ(status->signals.caught, 0x2000000000000002u);
  EXPECT_FALSE(ParseStatus("Name:\tkthread\n"));
}

}  // namespace
}  // namespace memwhy::os
