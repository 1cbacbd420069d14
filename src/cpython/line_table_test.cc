// SPDX-License-Identifier: Apache-2.0
#include "cpython/line_table.h"

#include <gtest/gtest.h>

namespace memwhy::cpython {
namespace {

constexpr unsigned k38 = 3u << 8 | 8;
constexpr unsigned k310 = 3u << 8 | 10;

TEST(LineTableTest, AnEmptyLnotabIsCodeOfOneLine) {
  const auto runs = DecodeLineTable({}, 7, k38);  // (lambda: f()), and 3.9
  EXPECT_EQ(LineAt(runs, 0, 7), 7);
  EXPECT_EQ(LineAt(runs, 12, 7), 7);
}

TEST(LineTableTest, AnEmptyTableOfLaterVersionsKnowsNoLine) {
  EXPECT_EQ(LineAt(DecodeLineTable({}, 7, k310), 0, 7), 0);
}

TEST(LineTableTest, LnotabStepsForwardAndBack) {
  const std::uint8_t table[] = {4, 1, 6, 0xff, 2, 0, 0, 100, 2, 100};
  const auto runs = DecodeLineTable(table, 10, k38);
  EXPECT_EQ(LineAt(runs, 0, 10), 10);
  EXPECT_EQ(LineAt(runs, 2, 10), 11);   // byte 4
  EXPECT_EQ(LineAt(runs, 5, 10), 10);   // byte 10
  EXPECT_EQ(LineAt(runs, 6, 10), 110);  // byte 12
  EXPECT_EQ(LineAt(runs, 7, 10), 210);  // byte 14
}

TEST(LineTableTest, BeforeTheFirstInstructionStandsTheFirstLine) {
  EXPECT_EQ(LineAt({}, -1, 3), 3);
}

}  // namespace
}  // namespace memwhy::cpython
