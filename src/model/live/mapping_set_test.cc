// SPDX-License-Identifier: Apache-2.0
#include "model/live/mapping_set.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace memwhy::model {
namespace {

constexpr std::uint64_t kPage = 4096;

TEST(MappingSetTest, PartsGiveBytesAtOnceAndTheLastPartTheBlock) {
  MappingSet set;
  EXPECT_TRUE(set.Acquire(10 * kPage, 4 * kPage, 3).empty());
  auto losses = set.Unmap(11 * kPage, kPage);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].bytes, kPage);
  EXPECT_FALSE(losses[0].is_last);
  losses = set.Unmap(9 * kPage, 2 * kPage);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].bytes, kPage);
  losses = set.Unmap(0, 100 * kPage);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].bytes, 2 * kPage);
  EXPECT_TRUE(losses[0].is_last);
  EXPECT_EQ(losses[0].begin, 10 * kPage);
  EXPECT_EQ(set.size(), 0u);
  EXPECT_TRUE(set.Unmap(0, 100 * kPage).empty());
}

TEST(MappingSetTest, OneUnmappingMayEndSeveralMappings) {
  MappingSet set;
  set.Acquire(kPage, kPage, 1);
  set.Acquire(2 * kPage, kPage, 2);
  set.Acquire(5 * kPage, 2 * kPage, 3);
  const auto losses = set.Unmap(kPage, 5 * kPage);
  ASSERT_EQ(losses.size(), 3u);
  EXPECT_TRUE(losses[0].is_last);
  EXPECT_TRUE(losses[1].is_last);
  EXPECT_FALSE(losses[2].is_last);
  ASSERT_EQ(set.Pieces().size(), 1u);
  EXPECT_EQ(set.Pieces()[0].begin, 6 * kPage);
}

TEST(MappingSetTest, FixedMappingReplacesWhatItCovers) {
  MappingSet set;
  set.Acquire(10 * kPage, 10 * kPage, 1);
  const auto losses = set.Acquire(12 * kPage, 2 * kPage, 2);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].bytes, 2 * kPage);
  EXPECT_FALSE(losses[0].is_last);
  EXPECT_EQ(set.Pieces().size(), 3u);
  EXPECT_EQ(set.size(), 2u);
}

TEST(MappingSetTest, BytesAreRequestedBytesButUnmappingTakesWholePages) {
  MappingSet set;
  set.Acquire(kPage, 100, 1);
  auto losses = set.Unmap(kPage, kPage);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].bytes, 100u);
  set.Acquire(kPage, kPage, 1);
  losses = set.Unmap(kPage, 1);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].bytes, kPage);
  EXPECT_TRUE(losses[0].is_last);
}

TEST(MappingSetTest, SurvivesRangesAtTheEndOfTheAddressSpace) {
  MappingSet set;
  set.Acquire(UINT64_MAX - 100, UINT64_MAX, 1);
  EXPECT_EQ(set.Unmap(0, UINT64_MAX).size(), 1u);
  EXPECT_EQ(set.size(), 0u);
}

TEST(MappingSetTest, AgreesWithAPageMapOverRandomWork) {
  std::mt19937 random(3);
  MappingSet set;
  std::map<std::uint64_t, std::uint32_t> owner_of_page;
  std::map<std::uint32_t, std::uint64_t> bytes_of_row;
  for (std::uint32_t row = 0; row < 20000; ++row) {
    const std::uint64_t page = 1 + random() % 200;
    const std::uint64_t pages = 1 + random() % 20;
    const bool maps = random() % 2 == 0;
    const auto losses = maps ? set.Acquire(page * kPage, pages * kPage, row)
                             : set.Unmap(page * kPage, pages * kPage);
    for (const auto& loss : losses) {
      bytes_of_row[loss.row] -= loss.bytes;
      if (loss.is_last) {
        EXPECT_EQ(bytes_of_row[loss.row], 0u);
        bytes_of_row.erase(loss.row);
      }
    }
    for (std::uint64_t i = page; i < page + pages; ++i) {
      owner_of_page.erase(i);
      if (maps) owner_of_page[i] = row;
    }
    if (maps) bytes_of_row[row] = pages * kPage;
  }
  std::uint64_t bytes = 0;
  for (const auto& piece : set.Pieces()) {
    bytes += piece.size;
    for (std::uint64_t at = piece.begin; at < piece.begin + piece.size; at += kPage) {
      EXPECT_EQ(owner_of_page.at(at / kPage), piece.row);
    }
  }
  EXPECT_EQ(bytes, owner_of_page.size() * kPage);
  EXPECT_EQ(set.size(), bytes_of_row.size());
}

}  // namespace
}  // namespace memwhy::model
