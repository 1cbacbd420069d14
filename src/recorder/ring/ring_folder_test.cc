// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/ring_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "session/ring_place.h"
#include "session/temporary_directory.h"
#include "wire/ring.h"

namespace memwhy::recorder {
namespace {

using session::TemporaryDirectory;

// procfs keeps no pages, and is everywhere.
constexpr char kNoKeeper[] = "/proc/self";

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

TEST(RingFolderTest, RingsStayInASessionWhosePagesAreKept) {
  const TemporaryDirectory directory;
  if (!PromiseOf(directory / "").is_kept) GTEST_SKIP() << "the disk of this test keeps no pages";
  auto rings = RingFolder::Make(directory / "", 4u << 20);
  ASSERT_TRUE(rings);
  EXPECT_FALSE((*rings)->is_elsewhere());
  EXPECT_EQ((*rings)->path(), directory / "");
  EXPECT_EQ((*rings)->pool_bytes(), 4u << 20);
  EXPECT_EQ((*rings)->Note(), "");
  EXPECT_FALSE(Exists(directory / "rings-in"));
}

TEST(RingFolderTest, AnotherPlaceIsFoundForASessionWhosePagesAreNot) {
  const TemporaryDirectory directory;
  if (!PromiseOf(directory / "").is_kept) GTEST_SKIP() << "the disk of this test keeps no pages";
  chmod((directory / "").c_str(), 0700);
  const auto plan = PlanRings(kNoKeeper, wire::kMinPoolBytes, {"/none", kNoKeeper, directory / ""});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->parent, directory / "");
  EXPECT_FALSE(plan->session.is_kept);
  EXPECT_GE(plan->pool_bytes, wire::kMinPoolBytes);
}

TEST(RingFolderTest, WithoutAnyPlaceTheErrorSaysWhyForEach) {
  const auto plan = PlanRings(kNoKeeper, wire::kMinPoolBytes, {"/none", kNoKeeper});
  ASSERT_FALSE(plan);
  const std::string& text = plan.error().message();
  EXPECT_NE(text.find("/none is not there"), std::string::npos) << text;
  EXPECT_NE(text.find("a file system of type 0x"), std::string::npos) << text;
  EXPECT_NE(text.find("-o"), std::string::npos) << text;
}

TEST(RingFolderTest, MemoryIsTakenInSmallPools) {
  const auto plan = PlanRings(kNoKeeper, wire::kMaxPoolBytes, {"/dev/shm"});
  if (!plan || !plan->promise.is_memory) GTEST_SKIP() << "no tmpfs with room in /dev/shm";
  EXPECT_LE(plan->pool_bytes, 8u << 20);
}

TEST(RingFolderTest, APlaceWhereOthersMayRemoveIsNone) {
  const TemporaryDirectory directory;
  chmod((directory / "").c_str(), 0777);
  EXPECT_FALSE(PlanRings(kNoKeeper, wire::kMinPoolBytes, {directory / ""}));
  chmod((directory / "").c_str(), 0700);
}

TEST(RingFolderTest, WhatAKilledRecordingLeftIsFound) {
  const TemporaryDirectory directory;
  const std::string session = directory / "s.mwy";
  const std::string folder = directory / "memwhy-rings.0";
  mkdir(session.c_str(), 0700);
  mkdir(folder.c_str(), 0700);
  ASSERT_TRUE(session::WriteRingPlace(session, folder));
  const auto left = FindLeftRings({directory / "", "/none"});
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].session, session);
}

}  // namespace
}  // namespace memwhy::recorder
