// SPDX-License-Identifier: Apache-2.0
#include "readers/gc_message.h"

#include <gtest/gtest.h>

#include <string>

namespace memwhy::readers {
namespace {

using Kind = GcMessage::Kind;
using State = GcMatch::State;

GcMessage Whole(std::string_view text) {
  GcMessage message;
  const GcMatch match = MatchGcMessage(text, &message);
  EXPECT_EQ(match.state, State::kComplete) << text;
  EXPECT_EQ(match.length, text.size()) << text;
  return message;
}

TEST(GcMessageTest, ReadsHeadersAndCounts) {
  EXPECT_EQ(Whole("gc: collecting generation 2...").generation, 2);
  const GcMessage counts = Whole("gc: objects in each generation: 16 0 3490");
  EXPECT_EQ(counts.kind, Kind::kCounts);
  EXPECT_EQ(counts.counts, (std::array<std::uint64_t, 3>{16, 0, 3490}));
  const GcMessage permanent = Whole("gc: objects in permanent generation: 375");
  EXPECT_EQ(permanent.kind, Kind::kPermanent);
  EXPECT_EQ(permanent.number, 375u);
}

TEST(GcMessageTest, ReadsEveryFormOfTheLastLine) {
  const GcMessage old = Whole("gc: done, 12 unreachable, 4 uncollectable, 0.0012s elapsed.");
  EXPECT_TRUE(old.has_full_stop);
  EXPECT_TRUE(old.has_numbers);
  EXPECT_EQ(old.unreachable, 12u);
  EXPECT_EQ(old.uncollectable, 4u);
  EXPECT_DOUBLE_EQ(old.seconds.value(), 0.0012);
  EXPECT_FALSE(Whole("gc: done, 12 unreachable, 4 uncollectable, 0.0012s elapsed").has_full_stop);
  const GcMessage nothing = Whole("gc: done, 1.5000s elapsed");
  EXPECT_FALSE(nothing.has_numbers);
  EXPECT_EQ(nothing.unreachable, 0u);
  EXPECT_DOUBLE_EQ(nothing.seconds.value(), 1.5);
  EXPECT_EQ(Whole("gc: done.").seconds, std::nullopt);
  EXPECT_EQ(Whole("gc: done, 3 unreachable, 0 uncollectable.").unreachable, 3u);
}

TEST(GcMessageTest, ReadsObjectsWhateverTheirTypeIsCalled) {
  const auto type = [](std::string_view text) { return Whole(text).type; };
  EXPECT_EQ(type("gc: collectable <dict 0x7f12ab>"), "dict");
  EXPECT_EQ(type("gc: collectable <collections.OrderedDict 0x7f12ab>"), "collections.OrderedDict");
  EXPECT_EQ(type("gc: uncollectable <method-wrapper 0x7F12AB>"), "method-wrapper");
  EXPECT_EQ(type("gc: collectable <my type 0x1>"), "my type");
  EXPECT_EQ(type("gc: collectable <a<b> 0xzz 0x1>"), "a<b> 0xzz");
  EXPECT_EQ(type("gc: collectable <Old instance at 0x10>"), "Old");
  const GcMessage object = Whole("gc: uncollectable <X 0x7f12ab>");
  EXPECT_EQ(object.address, 0x7f12abu);
  EXPECT_FALSE(object.is_collectable);
}

TEST(GcMessageTest, ReadsTheLastWordOfTheInterpreter) {
  GcMessage message;
  const GcMatch match = MatchGcMessage(
      "gc: 2 uncollectable objects at shutdown; use gc.set_debug(gc.DEBUG_UNCOLLECTABLE)",
      &message);
  EXPECT_EQ(match.state, State::kComplete);
  EXPECT_EQ(message.kind, Kind::kAtShutdown);
  EXPECT_EQ(message.number, 2u);
}

TEST(GcMessageTest, EveryBeginningOfAMessageIsCut) {
  for (const std::string whole :
       {"gc: collecting generation 2...", "gc: objects in each generation: 1 2 3",
        "gc: objects in permanent generation: 4", "gc: collectable <dict 0x7f12ab>",
        "gc: uncollectable <dict 0x7f12ab>", "gc: done, 0.0000s elapsed",
        "gc: done, 12 unreachable, 4 uncollectable, 0.0012s elapsed"}) {
    for (std::size_t length = 4; length < whole.size(); ++length) {
      GcMessage message;
      const GcMatch match = MatchGcMessage(whole.substr(0, length), &message);
      EXPECT_EQ(match.state, State::kCut) << whole.substr(0, length);
      EXPECT_EQ(match.length, length) << whole;
    }
  }
}

TEST(GcMessageTest, RefusesWhatNoCollectorWrites) {
  for (const std::string text :
       {"gc: x", "gc: collecting generation 3...", "gc: collecting generation -1...",
        "gc: collecting generation 99999999999999999999...",
        "gc: objects in each generation: 1 2 x",
        "gc: done, 3 unreachable, 4 uncollectable, 0.1s elapsed", "gc: done, 3 unreachable, 4 of 5",
        "gc: done, -1.0s elapsed", "gc: done, nan elapsed", "gc: done and gone",
        "gc: collectable < 0x12>", "gc: collectable <x 0x123456789abcdef01>",
        "gc: done, 1e400s elapsed"}) {
    GcMessage message;
    EXPECT_EQ(MatchGcMessage(text, &message).state, State::kNone) << text;
  }
}

TEST(GcMessageTest, LeavesWhatFollows) {
  GcMessage message;
  EXPECT_EQ(
      MatchGcMessage(R"(gc: collecting generation 0...\n","stream":"stderr"})", &message).length,
      30u);
  EXPECT_EQ(MatchGcMessage("gc: collectable <dict 0x1> and 0x2 more", &message).length, 26u);
}

}  // namespace
}  // namespace memwhy::readers
