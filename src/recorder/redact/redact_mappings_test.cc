// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recorder/redact/redact.h"

namespace memwhy::recorder {
namespace {

using ::testing::MatchesRegex;

model::Mapping MappingOf(const std::string& name, const std::string& permissions) {
  model::Mapping mapping;
  mapping.name = name;
  mapping.permissions = permissions;
  return mapping;
}

TEST(RedactMappingsTest, CodeKeepsItsNamesAndDataLosesThem) {
  std::vector<model::Mapping> mappings = {
      MappingOf("/usr/lib/libc.so.6", "r--p"),
      MappingOf("/usr/lib/libc.so.6", "r-xp"),
      MappingOf("/srv/alice.npy", "r--s"),
      MappingOf("/srv/alice.npy", "rw-p"),
      MappingOf("/dev/shm/alice", "rw-s"),
      MappingOf("/memfd:alice (deleted)", "rw-s"),
      MappingOf("[anon:alice]", "rw-p"),
      MappingOf("[heap]", "rw-p"),
      MappingOf("[anon: glibc: malloc arena]", "rw-p"),
      MappingOf("", "rw-p"),
      MappingOf("/s.mwy/ring.4711.123", "rw-s"),
  };
  RedactMappings({1, 2}, &mappings);
  EXPECT_EQ(mappings[0].name, "/usr/lib/libc.so.6");
  EXPECT_EQ(mappings[1].name, "/usr/lib/libc.so.6");
  EXPECT_THAT(mappings[2].name, MatchesRegex("/<file:[0-9a-f]+>"));
  EXPECT_EQ(mappings[2].name, mappings[3].name);
  EXPECT_THAT(mappings[4].name, MatchesRegex("/dev/shm/<file:[0-9a-f]+>"));
  EXPECT_THAT(mappings[5].name, MatchesRegex("/memfd:<file:[0-9a-f]+>"));
  EXPECT_THAT(mappings[6].name, MatchesRegex("\\[anon:<file:[0-9a-f]+>\\]"));
  EXPECT_EQ(mappings[7].name, "[heap]");
  EXPECT_EQ(mappings[8].name, "[anon: glibc: malloc arena]");
  EXPECT_EQ(mappings[9].name, "");
  EXPECT_EQ(mappings[10].name, "/s.mwy/ring.4711.123");
}

TEST(RedactMappingsTest, AKeyIsReadAsItIsWritten) {
  const auto key = MakeRedactionKey();
  ASSERT_TRUE(key);
  wire::RedactionKey back;
  ASSERT_TRUE(wire::ParseRedactionKey(KeyDigits(*key).c_str(), &back));
  EXPECT_EQ(back.low, key->low);
  EXPECT_EQ(back.high, key->high);
  const auto other = MakeRedactionKey();
  ASSERT_TRUE(other);
  EXPECT_NE(other->low, key->low);
}

}  // namespace
}  // namespace memwhy::recorder
