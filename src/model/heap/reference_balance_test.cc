// SPDX-License-Identifier: Apache-2.0
#include "model/heap/reference_balance.h"

#include <gtest/gtest.h>

#include <random>

#include "model/heap/fake_dump.h"
#include "model/heap/object_graph.h"

namespace memwhy::model {
namespace {

using wire::DumpRoot;
using wire::RootCounts;

std::vector<std::uint64_t> SurplusOf(const std::vector<std::uint8_t>& bytes, std::size_t chunk) {
  FakeDumpSource source(bytes, chunk);
  ReferenceBalance balance;
  DumpDecoder decoder(source, balance);
  EXPECT_TRUE(decoder.Run());
  return balance.FindSurplus(1'000'000);
}

// Objects anywhere in 4 MiB and far beyond, some without a count, some in the upper half of their
// 16 bytes; edges to objects before and after, to nothing, from roots that count and that do not.
// In one lane, and the same in two.
TEST(ReferenceBalance, FindsWhatTheWholeGraphFinds) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    FakeDump dump;
    const auto plain = dump.Type("a", 0, 32, 0x7000'0000'0000);
    const auto owned = dump.Type("b", wire::kTypeIsOwned, 32, 0x7000'0000'1000);
    const auto type = dump.Type("type", 0, 400, 0x7000'0000'2000);
    FakeDump lanes = dump;
    lanes.Lane(1);
    const auto other_owned = lanes.Type("b", wire::kTypeIsOwned, 32, 0x7000'0000'1000);
    const auto other_plain = lanes.Type("a", 0, 32, 0x7000'0000'0000);
    const std::size_t count = 1 + random() % 200;
    std::vector<std::uint64_t> addresses;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t base = (random() % 8) == 0 ? 0x7100'0000'0000 : 0x10'0000'0000;
      addresses.push_back(base + i * 16 * (1 + random() % 1000) + (random() % 4 == 0 ? 8 : 0));
    }
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end(),
                                [](auto a, auto b) { return a / 16 == b / 16; }),
                    addresses.end());
    std::shuffle(addresses.begin(), addresses.end(), random);
    const auto edges = [&] {
      std::vector<std::uint64_t> targets(random() % 5);
      for (auto& target : targets) {
        target = random() % 10 == 0 ? 0 : addresses[random() % addresses.size()];
      }
      return targets;
    };
    for (const std::uint64_t address : addresses) {
      const bool is_plain = random() % 2 == 0;
      const std::uint64_t references = random() % 6;
      const auto targets = edges();
      dump.Object(is_plain ? plain : owned, address, references, targets);
      const bool is_first = random() % 2 == 0;
      lanes.Lane(is_first ? 0 : 1);
      if (is_first) {
        lanes.Object(is_plain ? plain : owned, address, references, targets);
      } else {
        lanes.Object(is_plain ? other_plain : other_owned, address, references, targets);
      }
    }
    lanes.Lane(0);
    const std::uint64_t of_type = random() % (2 * count);
    const auto names = edges();
    const auto counted = edges();
    for (FakeDump* each : {&dump, &lanes}) {
      each->Object(type, 0x7000'0000'1000, of_type, {});
      each->Root(DumpRoot::kModule, RootCounts::kNone, "names", names);
      each->Root(DumpRoot::kInterpreter, RootCounts::kEach, "counts", counted);
      each->End();
    }

    FakeDumpSource source(dump.bytes());
    const auto graph = ObjectGraph::Load(source);
    ASSERT_TRUE(graph);
    std::vector<std::uint64_t> expected;
    for (auto node = ObjectGraph::kFirst; node < graph->first_root(); ++node) {
      if (graph->IsObject(node) && graph->references(node) != 0 && graph->surplus(node) > 0) {
        expected.push_back(graph->address(node));
      }
    }
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(SurplusOf(dump.bytes(), 1 + random() % 50), expected) << "seed " << seed;
    EXPECT_EQ(SurplusOf(lanes.bytes(), 1 + random() % 50), expected) << "lanes, seed " << seed;
  }
}

TEST(ReferenceBalance, CountsBeyondSixteenBits) {
  constexpr std::uint64_t kBalanced = 0x10'0000'0010;
  constexpr std::uint64_t kOneMore = 0x10'0000'0020;
  constexpr std::uint64_t kHuge = 0x10'0000'0030;
  constexpr std::uint64_t kEdges = 100'000;
  FakeDump dump;
  const auto plain = dump.Type("a", 0, 32, 0x1000);
  const std::vector<std::uint64_t> to_balanced(kEdges, kBalanced);
  const std::vector<std::uint64_t> to_other(kEdges, kOneMore);
  dump.Object(plain, 0x10'0000'0040, 0, to_balanced);
  dump.Object(plain, kBalanced, kEdges, {});
  dump.Object(plain, kOneMore, kEdges + 1, to_other);
  dump.Object(plain, kHuge, std::uint64_t{1} << 40, {});
  dump.End();
  EXPECT_EQ(SurplusOf(dump.bytes(), 4096), (std::vector<std::uint64_t>{kOneMore, kHuge}));
}

TEST(ReferenceBalance, MadeUpPagesEndSomewhere) {
  FakeDump dump;
  const auto plain = dump.Type("a", 0, 32, 0x1000);
  std::vector<std::uint64_t> far;
  for (std::uint64_t i = 1; i < 300'000; ++i) far.push_back(i << 13);
  dump.Object(plain, 0x10'0000'0010, 5, far);
  dump.End();
  const auto found = SurplusOf(dump.bytes(), 4096);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], 0x10'0000'0010u);
}

}  // namespace
}  // namespace memwhy::model
