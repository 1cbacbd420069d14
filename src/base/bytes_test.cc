// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace memwhy {
namespace {

TEST(BytesTest, ShowsThreeSignificantDigits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.00 KiB");
  EXPECT_EQ(FormatBytes(10 * 1024 + 512), "10.5 KiB");
  EXPECT_EQ(FormatBytes(1567663719), "1.46 GiB");
  EXPECT_EQ(FormatBytes(Bytes{312} << 20), "312 MiB");
  EXPECT_EQ(FormatBytes((Bytes{1} << 20) - 1), "1.00 MiB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<Bytes>::max()), "16.0 EiB");
}

TEST(BytesTest, SignsDeltas) {
  EXPECT_EQ(FormatSignedBytes(0), "0 B");
  EXPECT_EQ(FormatSignedBytes(SignedBytes{312} << 20), "+312 MiB");
  EXPECT_EQ(FormatSignedBytes(-1536), "-1.50 KiB");
  EXPECT_EQ(FormatSignedBytes(std::numeric_limits<SignedBytes>::min()), "-8.00 EiB");
}

TEST(BytesTest, GroupsCounts) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(12345), "12,345");
  EXPECT_EQ(FormatCount(1234567890), "1,234,567,890");
}

TEST(BytesTest, ShowsSeconds) {
  EXPECT_EQ(FormatSeconds(0), "0 s");
  EXPECT_EQ(FormatSeconds(0.85), "850 ms");
  EXPECT_EQ(FormatSeconds(12.5), "12.5 s");
  EXPECT_EQ(FormatSeconds(59.97), "1 min 0 s");
  EXPECT_EQ(FormatSeconds(200), "3 min 20 s");
  EXPECT_EQ(FormatSeconds(7500), "2 h 5 min");
}

TEST(BytesTest, ParsesSizes) {
  EXPECT_EQ(*ParseBytes("10 MiB"), Bytes{10} << 20);
  EXPECT_EQ(*ParseBytes("64k"), Bytes{64} << 10);
  EXPECT_EQ(*ParseBytes("1GB"), Bytes{1} << 30);
  EXPECT_EQ(*ParseBytes(" 1.5G\n"), Bytes{3} << 29);
  EXPECT_EQ(*ParseBytes("4096"), 4096u);
  EXPECT_EQ(*ParseBytes("512 B"), 512u);
}

TEST(BytesTest, RefusesWhatIsNoSize) {
  for (const char* text : {"", "k", "-1", "1x", "1 kg", "nan", "inf", "99999999 EiB", "1 2"}) {
    EXPECT_FALSE(ParseBytes(text)) << text;
  }
}

TEST(BytesTest, ParsesDurations) {
  EXPECT_EQ(*ParseDuration("60s"), 60);
  EXPECT_EQ(*ParseDuration("5m"), 300);
  EXPECT_EQ(*ParseDuration("30"), 30);
  EXPECT_EQ(*ParseDuration("1h"), 3600);
  EXPECT_EQ(*ParseDuration("250ms"), 0.25);
  EXPECT_FALSE(ParseDuration("soon"));
  EXPECT_FALSE(ParseDuration("-5s"));
}

}  // namespace
}  // namespace memwhy
