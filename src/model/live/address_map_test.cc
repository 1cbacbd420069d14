// SPDX-License-Identifier: Apache-2.0
#include "model/live/address_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace memwhy::model {
namespace {

TEST(AddressMapTest, FindsWhatWasPut) {
  AddressMap map;
  EXPECT_FALSE(map.Insert(0x1000, Block{64, 7}));
  ASSERT_TRUE(map.Find(0x1000));
  EXPECT_EQ(map.Find(0x1000)->size, 64u);
  EXPECT_EQ(map.Find(0x1000)->row, 7u);
  EXPECT_FALSE(map.Find(0x1010));
  EXPECT_EQ(map.Insert(0x1000, Block{65, 8})->size, 64u);
  EXPECT_EQ(map.size(), 1u);
}

TEST(AddressMapTest, KeepsHugeSizesAndAddressZero) {
  AddressMap map;
  for (const std::uint64_t size :
       {std::uint64_t{UINT32_MAX} - 1, std::uint64_t{UINT32_MAX}, std::uint64_t{1} << 45}) {
    map.Insert(0x1000, Block{size, 1});
    EXPECT_EQ(map.Find(0x1000)->size, size);
  }
  EXPECT_EQ(map.Erase(0x1000)->size, std::uint64_t{1} << 45);
  map.Insert(0, Block{5, 2});
  EXPECT_EQ(map.size(), 1u);
  EXPECT_EQ(map.Erase(0)->size, 5u);
  EXPECT_EQ(map.size(), 0u);
}

TEST(AddressMapTest, AgreesWithAStandardMapOverRandomWork) {
  std::mt19937_64 random(7);
  AddressMap map;
  std::map<std::uint64_t, std::uint64_t> oracle;
  for (int round = 0; round < 200000; ++round) {
    const std::uint64_t address = (random() % 5000) * 16;
    const bool grows = round / 20000 % 2 == 0;
    if (random() % 4 < (grows ? 3u : 1u)) {
      const auto previous = map.Insert(address, Block{static_cast<std::uint64_t>(round), 1});
      EXPECT_EQ(previous.has_value(), oracle.contains(address));
      oracle[address] = static_cast<std::uint64_t>(round);
    } else {
      const auto gone = map.Erase(address);
      ASSERT_EQ(gone.has_value(), oracle.contains(address));
      if (gone) {
        EXPECT_EQ(gone->size, oracle[address]);
      }
      oracle.erase(address);
    }
  }
  ASSERT_EQ(map.size(), oracle.size());
  std::map<std::uint64_t, std::uint64_t> seen;
  map.ForEach([&](std::uint64_t address, const Block& block) { seen[address] = block.size; });
  EXPECT_EQ(seen, oracle);
}

TEST(AddressMapTest, GivesMemoryBackWhenBlocksGo) {
  AddressMap map;
  for (std::uint64_t i = 1; i <= 100000; ++i) map.Insert(i * 32, Block{32, 0});
  EXPECT_LE(map.memory_bytes(), 100000u * 16 * 3);
  for (std::uint64_t i = 1; i <= 100000; ++i) map.Erase(i * 32);
  EXPECT_LE(map.memory_bytes(), 4096u);
}

}  // namespace
}  // namespace memwhy::model
