// SPDX-License-Identifier: Apache-2.0
#include "recorder/launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

namespace memwhy::recorder {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

LaunchOptions Options(std::vector<std::string> argv) {
  LaunchOptions options;
  options.argv = std::move(argv);
  options.session = "/s.mwy";
  options.rings = "/r";
  options.agent = "/agent.so";
  options.pool_bytes = 4096;
  return options;
}

TEST(LauncherTest, TheEnvironmentStaysAndOursIsAdded) {
  const char* const environment[] = {"A=1", "LD_PRELOAD=/other.so", "MEMWHY_SESSION=/old",
                                     "MEMWHY_RINGS=/other", nullptr};
  EXPECT_THAT(TargetEnvironment(Options({"x"}), environment),
              ElementsAre("A=1", "LD_PRELOAD=/agent.so:/other.so", "MEMWHY_SESSION=/s.mwy",
                          "MEMWHY_RINGS=/r", "MEMWHY_POOL_BYTES=4096", "MEMWHY_FOLLOW=fork"));
}

TEST(LauncherTest, ObjectDomainsAreAskedForByMode) {
  LaunchOptions options = Options({"x"});
  options.has_objects = true;
  const char* const environment[] = {nullptr};
  EXPECT_THAT(TargetEnvironment(options, environment), Contains("MEMWHY_MODES=objects,"));
}

TEST(LauncherTest, AProgramIsFoundByPathAndNamed) {
  EXPECT_TRUE(FindProgram("sh"));
  EXPECT_TRUE(FindProgram("/bin/sh"));
  const auto missing = FindProgram("no-such-program-at-all");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("no-such-program-at-all"));
  EXPECT_FALSE(FindProgram("/etc"));
  EXPECT_FALSE(FindProgram("/etc/passwd"));
}

TEST(LauncherTest, WhatCannotBeExecutedIsAnError) {
  LaunchOptions options = Options({"/etc/passwd"});
  const auto failed = Launch(options);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message(), HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace memwhy::recorder
