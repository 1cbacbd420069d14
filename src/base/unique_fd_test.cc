// SPDX-License-Identifier: Apache-2.0
#include "base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace memwhy {
namespace {

TEST(UniqueFdTest, ClosesOnceAndMoves) {
  int raw = -1;
  {
    UniqueFd first(open("/dev/null", O_RDONLY));
    ASSERT_TRUE(first);
    raw = first.get();
    UniqueFd second(std::move(first));
    EXPECT_EQ(second.get(), raw);
  }
  EXPECT_EQ(fcntl(raw, F_GETFD), -1);
}

}  // namespace
}  // namespace memwhy
