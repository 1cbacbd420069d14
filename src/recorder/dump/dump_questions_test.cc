// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/dump_questions.h"

#include <gtest/gtest.h>

#include "model/heap/fake_dump.h"

namespace memwhy::recorder {
namespace {

std::vector<std::uint8_t> ManyObjects(std::size_t count) {
  model::FakeDump dump;
  const auto plain = dump.Type("a", 0, 32, 0x1000);
  for (std::size_t i = 0; i < count; ++i) {
    dump.Object(plain, 0x10'0000'0000 + i * 64, i % 3, {0x10'0000'0000 + i * 64});
  }
  dump.End();
  return dump.bytes();
}

TEST(DumpQuestions, FindsEachSurplusInRisingOrder) {
  const auto bytes = ManyObjects(9000);
  for (const std::size_t chunk : {std::size_t{1000}, bytes.size()}) {
    DumpQuestions questions;
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
      questions.Add(std::span(bytes).subspan(at, std::min(chunk, bytes.size() - at)));
    }
    const auto found = questions.Finish(100'000);
    ASSERT_EQ(found.size(), 3000u);  // two references and one edge
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i], 0x10'0000'0000 + (i * 3 + 2) * 64);
    }
  }
}

TEST(DumpQuestions, GivesTheFirstOfTooMany) {
  const auto bytes = ManyObjects(9000);
  DumpQuestions questions;
  questions.Add(bytes);
  EXPECT_EQ(questions.Finish(10).size(), 10u);
}

TEST(DumpQuestions, EndsWithoutAnEnd) {
  const auto bytes = ManyObjects(9000);
  {
    DumpQuestions unasked;
    unasked.Add(std::span(bytes).first(500));
  }
  DumpQuestions cut;
  cut.Add(std::span(bytes).first(bytes.size() / 2));
  EXPECT_FALSE(cut.Finish(100'000).empty());  // what is there
  DumpQuestions foreign;
  const std::vector<std::uint8_t> text(1 << 20, 'x');
  for (int i = 0; i < 200; ++i) foreign.Add(text);  // nobody reads: no waiting
  EXPECT_TRUE(foreign.Finish(100).empty());
}

}  // namespace
}  // namespace memwhy::recorder
