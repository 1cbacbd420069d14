// SPDX-License-Identifier: Apache-2.0
#include "model/sites/births.h"

#include <gtest/gtest.h>

namespace memwhy::model {
namespace {

LiveBlock Block(std::uint64_t address, std::uint64_t size, std::uint32_t stack) {
  return {address, size, StackId{stack}, wire::Allocator::kPymemObj, ThreadId{0}, 1.0};
}

TEST(Births, AnObjectBeginsBehindWhatStandsBeforeIt) {
  const Births births({Block(0x1000, 64, 3), Block(0x1040, 96, 4), Block(0x2000, 16, 5)});
  for (const std::uint64_t before : {0, 16, 32}) {
    ASSERT_NE(births.Find(0x1040 + before), nullptr);
    EXPECT_EQ(births.Find(0x1040 + before)->stack, StackId{4});
  }
  EXPECT_EQ(births.Find(0x1000)->stack, StackId{3});
  EXPECT_EQ(births.Find(0x1040 + 8), nullptr);
  EXPECT_EQ(births.Find(0x1040 + 48), nullptr);
  EXPECT_EQ(births.Find(0xfff), nullptr);
  EXPECT_EQ(births.Find(0x2010), nullptr);  // behind the block's end
  EXPECT_EQ(Births().Find(0x1000), nullptr);
}

}  // namespace
}  // namespace memwhy::model
