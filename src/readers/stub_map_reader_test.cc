// SPDX-License-Identifier: Apache-2.0
#include "readers/stub_map_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace memwhy::readers {
namespace {

constexpr char kMap[] =
    "memwhy-frames\t1\t3.11.2\t/usr/bin/python3.11\n"
    "parent\t41\t1234\n"
    "allocator\tmalloc\n"
    "code\t1\t2\t/srv/a\\\\b\\tc.py\tserve\n"
    "code\t2\t9\t/srv/app.py\tCache.put\n"
    "stub\t7f0010\t32\t2\t1\t17\n"
    "stop\tno room\n";

TEST(StubMapReaderTest, ReadsCodesAndStubs) {
  model::PythonStubs stubs;
  const auto parent = ReadStubMap(kMap, &stubs);
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->pid, 41u);
  EXPECT_EQ(parent->bytes, 1234u);
  EXPECT_EQ(stubs.version, "3.11.2");
  EXPECT_EQ(stubs.executable, "/usr/bin/python3.11");
  EXPECT_EQ(stubs.allocator, "malloc");
  EXPECT_EQ(stubs.stopped, "no room");
  EXPECT_EQ(stubs.damage, "");
  ASSERT_NE(stubs.FindCode(1), nullptr);
  EXPECT_EQ(stubs.FindCode(1)->file, "/srv/a\\b\tc.py");
  EXPECT_EQ(stubs.FindCode(3), nullptr);
  EXPECT_EQ(stubs.Find(0x7f000f), nullptr);
  ASSERT_NE(stubs.Find(0x7f0010), nullptr);
  ASSERT_NE(stubs.Find(0x7f002f), nullptr);
  EXPECT_EQ(stubs.Find(0x7f002f)->line, 17);
  EXPECT_EQ(stubs.Find(0x7f0030), nullptr);
}

TEST(StubMapReaderTest, AnUnfinishedLineIsLeftOut) {
  const std::string_view whole(kMap);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    model::PythonStubs stubs;
    ReadStubMap(whole.substr(0, size), &stubs);
    EXPECT_EQ(stubs.damage, "") << size;
  }
}

TEST(StubMapReaderTest, NonsenseEndsTheReading) {
  for (const std::string bad : {"code\t0\t2\ta\tb\n", "stub\t7f\t99999\t1\t1\t1\n", "what\n",
                                "code\t1\t-2\ta\tb\n", "stub\tzz\t32\t1\t1\t1\n", "\n"}) {
    model::PythonStubs stubs;
    ReadStubMap("memwhy-frames\t1\t3.11.2\tx\n" + bad + "stop\tlater\n", &stubs);
    EXPECT_EQ(stubs.damage, "line 2 of the map of Python functions makes no sense") << bad;
    EXPECT_EQ(stubs.stopped, "");
  }
}

}  // namespace
}  // namespace memwhy::readers
