// SPDX-License-Identifier: Apache-2.0
#include "recorder/oom_watch.h"

#include <gtest/gtest.h>

namespace memwhy::recorder {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

TEST(OomWatchTest, ARiseJustBeforeIsAProof) {
  OomWatch watch;
  watch.Note(1 * kSecond, 4);
  EXPECT_FALSE(watch.RoseBefore(1 * kSecond)) << "kills before the start are not ours";
  watch.Note(2 * kSecond, 5);
  EXPECT_TRUE(watch.RoseBefore(2 * kSecond));
  watch.Note(5 * kSecond, 5);
  EXPECT_TRUE(watch.RoseBefore(5 * kSecond)) << "it takes a while to die";
}

TEST(OomWatchTest, ARiseLongAgoWasAnotherProcess) {
  OomWatch watch;
  watch.Note(1 * kSecond, 0);
  watch.Note(2 * kSecond, 1);
  watch.Note(60 * kSecond, 1);
  EXPECT_FALSE(watch.RoseBefore(60 * kSecond));
}

TEST(OomWatchTest, WithoutACounterThereIsNoProof) {
  OomWatch watch;
  watch.Note(1 * kSecond, std::nullopt);
  watch.Note(2 * kSecond, 7);
  watch.Note(3 * kSecond, std::nullopt);
  EXPECT_FALSE(watch.RoseBefore(3 * kSecond));
}

}  // namespace
}  // namespace memwhy::recorder
