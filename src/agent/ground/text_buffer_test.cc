// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/text_buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace memwhy::agent {
namespace {

TEST(TextBufferTest, JoinsTextsAndNumbers) {
  char out[64];
  TextBuffer(out, sizeof(out)).Text("/proc/").Number(0).Text("/fd/").Number(UINT64_MAX);
  EXPECT_STREQ(out, "/proc/0/fd/18446744073709551615");
}

TEST(TextBufferTest, CutsAtItsRoomAndWritesNothingBeyond) {
  char out[8];
  std::memset(out, 'x', sizeof(out));
  TextBuffer(out, 5).Text("ab").Number(12345).Text("more");
  EXPECT_STREQ(out, "ab12");
  EXPECT_EQ(out[5], 'x');
}

TEST(TextBufferTest, IsEmptyAtFirstAndWithoutRoom) {
  char out[2] = {'x', 'x'};
  TextBuffer empty(out, 1);
  EXPECT_STREQ(out, "");
  empty.Text("a");
  EXPECT_STREQ(out, "");
  EXPECT_EQ(out[1], 'x');
}

}  // namespace
}  // namespace memwhy::agent
