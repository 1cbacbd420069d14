// SPDX-License-Identifier: Apache-2.0
#include "wire/varint.h"

#include <gtest/gtest.h>

#include <limits>

namespace memwhy::wire {
namespace {

TEST(VarintTest, EveryWidthComesBack) {
  for (int shift = 0; shift < 64; ++shift) {
    for (const std::uint64_t value : {std::uint64_t{1} << shift, (std::uint64_t{1} << shift) - 1,
                                      std::numeric_limits<std::uint64_t>::max() >> shift}) {
      std::uint8_t bytes[kMaxVarintBytes];
      const std::uint8_t* end = PutVarint(bytes, value);
      std::uint64_t back = 0;
      ASSERT_EQ(GetVarint(bytes, end, &back), end);
      EXPECT_EQ(back, value);
    }
  }
}

TEST(VarintTest, AnEarlyEndIsAnError) {
  std::uint8_t bytes[kMaxVarintBytes];
  const std::uint8_t* end = PutVarint(bytes, std::numeric_limits<std::uint64_t>::max());
  std::uint64_t back = 0;
  for (const std::uint8_t* cut = bytes; cut != end; ++cut) {
    EXPECT_EQ(GetVarint(bytes, cut, &back), nullptr);
  }
}

TEST(VarintTest, MoreThan64BitsIsAnError) {
  const std::uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
  std::uint64_t back = 0;
  EXPECT_EQ(GetVarint(bytes, bytes + sizeof(bytes), &back), nullptr);
}

TEST(VarintTest, SignedValuesFoldBothWays) {
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(UnZigZag(ZigZag(value)), value);
  }
}

}  // namespace
}  // namespace memwhy::wire
