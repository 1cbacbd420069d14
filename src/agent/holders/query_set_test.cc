// SPDX-License-Identifier: Apache-2.0
#include "agent/holders/query_set.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "cpython/layout.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using Part = QuerySet::Part;

constexpr std::size_t kObjectWords = 10;

// What CPython 3.11 would have in memory: `count` objects of a type without a text.
class QuerySetTest : public testing::Test {
 protected:
  void Make(std::size_t count, std::size_t gap) {
    memory_.assign(count * (kObjectWords + gap), 0);
    objects_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      std::uint64_t* object = &memory_[i * (kObjectWords + gap)];
      object[0] = 1;
      object[1] = reinterpret_cast<Address>(type_.data());
      objects_.push_back(reinterpret_cast<Address>(object));
    }
  }

  std::array<std::uint64_t, 64> type_{};  // no flags
  std::vector<std::uint64_t> memory_;
  std::vector<Address> objects_;
  FaultGuard guard_;
};

TEST_F(QuerySetTest, WordsLeadToBeginsAndBodies) {
  Make(100, 3);
  std::vector<Address> ends(objects_.size(), 0);
  ends[7] = objects_[7] + kObjectWords * 8;
  QuerySet asked(*cpython::FindLayout(11), objects_.data(), objects_.size());
  ASSERT_TRUE(asked.Load(ends.data(), guard_));
  QuerySet::Match match{};
  for (std::size_t i = 0; i < objects_.size(); ++i) {
    for (const Address tag : {0, 1, 7}) {
      ASSERT_TRUE(asked.MayLead(objects_[i] | tag));
      ASSERT_TRUE(asked.Find(objects_[i] | tag, &match));
      EXPECT_EQ(match.object, i);
      EXPECT_EQ(match.part, Part::kBegin);
    }
  }
  ASSERT_TRUE(asked.MayLead(objects_[7] + 72));
  ASSERT_TRUE(asked.Find(objects_[7] + 72, &match));
  EXPECT_EQ(match.object, 7u);
  EXPECT_EQ(match.part, Part::kBody);
  EXPECT_FALSE(asked.Find(objects_[7] + 80, &match));
  EXPECT_FALSE(asked.Find(objects_[8] + 72, &match));
  EXPECT_EQ(asked.FirstFrom(objects_[7]), 7u);
  EXPECT_EQ(asked.FirstFrom(objects_[7] + 8), 8u);
  EXPECT_EQ(asked.FirstFrom(objects_.back() + 8), objects_.size());
}

// Whatever else the filter lets through, zeros least of all: half of memory is that.
TEST_F(QuerySetTest, ZerosLeadNowhere) {
  for (std::size_t gap = 0; gap < 64; ++gap) {
    Make(1000, gap);
    const std::vector<Address> ends(objects_.size(), 0);
    QuerySet asked(*cpython::FindLayout(11), objects_.data(), objects_.size());
    ASSERT_TRUE(asked.Load(ends.data(), guard_));
    QuerySet::Match match{};
    for (Address word = 0; word < 8; ++word) EXPECT_FALSE(asked.Find(word, &match)) << gap;
  }
}

TEST_F(QuerySetTest, FewWordsPassTheFilter) {
  Make(500, 0);
  const std::vector<Address> ends(objects_.size(), 0);
  QuerySet asked(*cpython::FindLayout(11), objects_.data(), objects_.size());
  ASSERT_TRUE(asked.Load(ends.data(), guard_));
  std::size_t passed = 0;
  for (Address word = 8; word < 8 * 100'001; word += 8) passed += asked.MayLead(word) ? 1 : 0;
  EXPECT_LT(passed, 3000u);
}

}  // namespace
}  // namespace memwhy::agent
