// SPDX-License-Identifier: Apache-2.0
#include "model/sites/window_view.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <map>
#include <random>

#include "model/sites/fake_source.h"

namespace memwhy::model {
namespace {

WindowView ViewOf(const FakeSource& source, const WindowOptions& options) {
  return BuildWindowView(source, options).value();
}

WindowOptions Window(double from, double tail_from, double to, int bins) {
  WindowOptions options;
  options.from = from;
  options.tail_from = tail_from;
  options.to = to;
  options.bins = bins;
  return options;
}

TEST(WindowViewTest, SurvivorsAreBornInTheWindowAndAliveAtItsEnd) {
  FakeSource source;
  const StackId keep = source.Stack({"keep"});
  source.Malloc(1, 0x1000, 1, keep);    // before the window
  source.Malloc(11, 0x2000, 10, keep);  // survivor
  source.Malloc(12, 0x3000, 20, keep);
  source.Free(25, 0x3000);              // released in the window
  source.Malloc(19, 0x4000, 40, keep);  // survivor
  source.Malloc(28, 0x5000, 80, keep);  // too young
  source.Free(35, 0x2000);              // behind the window
  const WindowView view = ViewOf(source, Window(10, 25, 30, 4));
  ASSERT_EQ(view.stacks.size(), 1u);
  const StackGrowth& growth = view.stacks[0];
  EXPECT_EQ(growth.survivor_bytes, 50u);
  EXPECT_EQ(growth.survivor_blocks, 2u);
  EXPECT_EQ(growth.first_birth, 11);
  EXPECT_EQ(growth.last_birth, 19);
  EXPECT_EQ(growth.survivors_by_birth, (std::vector<Bytes>{10, 40, 0, 0}));
  EXPECT_EQ(growth.live_at_from, 1u);
  EXPECT_EQ(growth.live_at_to, 131u);
  EXPECT_EQ(growth.allocated, 150u);
  EXPECT_EQ(growth.allocations, 4u);
  ASSERT_EQ(growth.sample.size(), 2u);
  EXPECT_EQ(growth.sample[1].address, 0x4000u);
}

TEST(WindowViewTest, FloorIsTheLeastValueOfEachBin) {
  FakeSource source;
  source.Malloc(1, 0x1000, 100);
  source.Malloc(15, 0x2000, 50);  // bin 0: 100 .. 150
  source.Free(25, 0x2000);        // bin 1: 150 .. 100
  source.Malloc(26, 0x3000, 7);
  const WindowView view = ViewOf(source, Window(10, 40, 40, 3));
  EXPECT_EQ(view.floor, (std::vector<Bytes>{100, 100, 107}));
  EXPECT_EQ(view.stacks[0].floor, view.floor);
  EXPECT_EQ(view.live_at_from, 100u);
  EXPECT_EQ(view.live_at_to, 107u);
}

TEST(WindowViewTest, ArenasHaveTheirOwnRow) {
  FakeSource source;
  const StackId put = source.Stack({"put"});
  source.Malloc(1, 0x1000, 100, put);
  source.Arena(2, 0x100000, 1 << 20, put);
  const WindowView view = ViewOf(source, Window(0, 9, 10, 2));
  ASSERT_EQ(view.stacks.size(), 2u);
  EXPECT_TRUE(view.stacks[0].is_arena);
  EXPECT_EQ(view.stacks[0].main_allocator, wire::Allocator::kPymallocArena);
  EXPECT_FALSE(view.stacks[1].is_arena);
}

TEST(WindowViewTest, SampleIsSpreadOverTheBirths) {
  FakeSource source;
  for (unsigned i = 0; i < 1000; ++i) source.Malloc(i * 0.01, 0x1000 + 16 * i, 8);
  WindowOptions options = Window(0, 10, 10, 5);
  options.survivors_kept = 10;
  const WindowView view = ViewOf(source, options);
  ASSERT_EQ(view.stacks[0].sample.size(), 10u);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_NEAR(view.stacks[0].sample[i].born, static_cast<double>(i), 1e-6);
  }
  EXPECT_EQ(view.stacks[0].survivors_by_birth, (std::vector<Bytes>(5, 1600)));
}

TEST(WindowViewTest, InheritedBlocksAreLiveButNoSurvivors) {
  FakeSource source;
  const ProcessId child = source.AddProcess(200, 100);
  source.Malloc(11, 0x1000, 64);
  source.Fork(12, child);
  WindowView view = ViewOf(source, Window(10, 20, 20, 2));
  ASSERT_EQ(view.stacks.size(), 2u);
  EXPECT_EQ(view.live_at_to, 128u);
  EXPECT_EQ(view.stacks[0].survivor_bytes, 64u);
  EXPECT_EQ(view.stacks[1].survivor_bytes, 0u);
  source.End(13, child);
  view = ViewOf(source, Window(10, 20, 20, 2));
  EXPECT_EQ(view.live_at_to, 64u);
}

TEST(WindowViewTest, EndOfTheLastProcessLeavesItsBytes) {
  FakeSource source;
  source.Malloc(1, 0x1000, 64);
  source.End(5, ProcessId{0});
  const WindowView view = ViewOf(source, Window(0, 6, 6, 2));
  EXPECT_EQ(view.live_at_to, 64u);
  EXPECT_EQ(view.stacks[0].survivor_bytes, 64u);
}

TEST(WindowViewTest, OperationsAreThoseOfTheMostFrequentName) {
  FakeSource source;
  for (int i = 0; i < 10; ++i) source.MarkOperation(i, "request");
  source.MarkOperation(3, "epoch", 2);
  source.MarkOperation(30, "request");
  const WindowView view = ViewOf(source, Window(0, 10, 10, 2));
  EXPECT_EQ(view.operations_name, "request");
  EXPECT_EQ(view.operations_total, 10u);
  EXPECT_EQ(view.operations, (std::vector<std::uint64_t>{5, 5}));
}

TEST(WindowViewTest, RssFloorHoldsTheLastSampleAndIsEmptyWithoutOne) {
  FakeSource source;
  EXPECT_TRUE(ViewOf(source, Window(0, 10, 10, 2)).rss_floor.empty());
  for (const auto& [time, rss] : {std::pair{1.0, 100u}, {2.0, 90u}, {8.0, 120u}}) {
    OsSample sample;
    sample.time = time;
    sample.rss = rss;
    source.mutable_recording().os_samples.push_back(sample);
  }
  EXPECT_EQ(ViewOf(source, Window(0, 10, 10, 5)).rss_floor,
            (std::vector<Bytes>{100, 90, 90, 90, 90}));
  EXPECT_EQ(ViewOf(source, Window(5, 10, 10, 2)).rss_floor, (std::vector<Bytes>{90, 90}));
}

TEST(WindowViewTest, RefusesAWindowThatIsNone) {
  const FakeSource source;
  EXPECT_FALSE(BuildWindowView(source, Window(5, 4, 10, 2)));
  EXPECT_FALSE(BuildWindowView(source, Window(0, 5, 10, 0)));
}

TEST(LiveBlocksAtTest, GivesBlocksAndMappingPiecesByAddress) {
  FakeSource source;
  const StackId put = source.Stack({"put"});
  source.Map(1, 0x10000, 0x4000, put);
  source.Malloc(2, 0x1000, 10, put);
  source.Malloc(3, 0x2000, 20, put);
  source.Unmap(4, 0x11000, 0x1000);
  source.Free(5, 0x1000);
  const auto at4 = LiveBlocksAt(source, ProcessId{0}, 4).value();
  ASSERT_EQ(at4.size(), 4u);
  EXPECT_EQ(at4[0].address, 0x1000u);
  EXPECT_EQ(at4[0].born, 2);
  EXPECT_EQ(at4[2].address, 0x10000u);
  EXPECT_EQ(at4[2].size, 0x1000u);
  EXPECT_EQ(at4[3].address, 0x12000u);
  EXPECT_EQ(at4[3].stack, put);
  EXPECT_EQ(LiveBlocksAt(source, ProcessId{0}, 9).value().size(), 3u);
}

TEST(LiveBlocksAtTest, ChildHasACopyAndAnEndedProcessIsAsItWas) {
  FakeSource source;
  const ProcessId child = source.AddProcess(200, 100);
  const ThreadId thread = source.AddThread(child, 200, "MainThread");
  source.Malloc(1, 0x1000, 10);
  source.Fork(2, child);
  source.Free(3, 0x1000);
  source.As(thread).Malloc(4, 0x2000, 20);
  source.End(5, child);
  EXPECT_EQ(LiveBlocksAt(source, child, 9).value().size(), 2u);
  EXPECT_EQ(LiveBlocksAt(source, ProcessId{0}, 9).value().size(), 0u);
  EXPECT_EQ(LiveBlocksAt(source, child, 9).value()[0].born, 1);
}

TEST(LiveBlocksAtTest, SmallObjectsAreThoseOfThePeriodAndOnlyWhenAskedFor) {
  FakeSource source;
  const StackId make = source.Stack({"make"});
  source.Arena(1, 0x100000, 0x40000);
  source.Object(10, 0x100040, 48, make);
  source.Object(11, 0x100080, 48, make);
  source.FreeObject(11.5, 0x100040);
  source.FreeObject(11.6, 0x1000c0);        // born before the period
  source.FreeObject(11.7, 0x100000);        // not the arena that begins there
  source.Object(20.9, 0x100100, 64, make);  // by the thread's last look at the clock
  source.Object(21, 0x100140, 64, make);
  source.mutable_recording().object_periods = {{ProcessId{0}, 10, 12}, {ProcessId{0}, 21, {}}};
  const auto at = [&](double time, SmallObjects objects) {
    std::vector<std::uint64_t> addresses;
    const std::vector<LiveBlock> live = LiveBlocksAt(source, ProcessId{0}, time, objects).value();
    for (const LiveBlock& block : live) addresses.push_back(block.address);
    return addresses;
  };
  using enum SmallObjects;
  using Addresses = std::vector<std::uint64_t>;
  EXPECT_EQ(at(11.2, kIncluded), (Addresses{0x100000, 0x100040, 0x100080}));
  EXPECT_EQ(at(12, kIncluded), (Addresses{0x100000, 0x100080}));
  EXPECT_EQ(at(15, kIncluded), (Addresses{0x100000}));
  EXPECT_EQ(at(30, kIncluded), (Addresses{0x100000, 0x100100, 0x100140}));
  EXPECT_EQ(at(30, kLeftOut), (Addresses{0x100000}));
  const auto live = LiveBlocksAt(source, ProcessId{0}, 30, kIncluded).value();
  EXPECT_EQ(live[1].stack, make);
  EXPECT_EQ(live[1].size, 64u);
  EXPECT_EQ(live[1].allocator, wire::Allocator::kPymemObj);
}

TEST(LiveBlocksAtTest, AChildInheritsNoSmallObjects) {
  FakeSource source;
  const ProcessId child = source.AddProcess(200, 100);
  source.Arena(1, 0x100000, 0x40000);
  source.Object(10, 0x100040, 48);
  source.Fork(11, child);
  source.mutable_recording().object_periods = {{ProcessId{0}, 10, {}}};
  EXPECT_EQ(LiveBlocksAt(source, child, 12, SmallObjects::kIncluded).value().size(), 1u);
  EXPECT_EQ(LiveBlocksAt(source, ProcessId{0}, 12, SmallObjects::kIncluded).value().size(), 2u);
}

// A buffer of 1 MiB more each second, which two lines enlarge in turn, born before the window.
TEST(WindowViewTest, ABlockThatReallocEnlargesIsOneRowThatGrowsBySize) {
  constexpr Bytes kMiB = 1024 * 1024;
  FakeSource source;
  const StackId one = source.Stack({"one"});
  const StackId other = source.Stack({"other"});
  source.Malloc(0, 0x1000, 100, one);
  for (int i = 1; i < 30; ++i) {
    source.Realloc(i, 0x1000 + (i - 1) * 16, i + 0.5, 0x1000 + i * 16, i * kMiB,
                   i % 3 == 0 ? one : other);
  }
  const WindowView view = ViewOf(source, Window(10, 28, 30, 10));
  ASSERT_EQ(view.stacks.size(), 1u);
  const StackGrowth& row = view.stacks[0];
  EXPECT_TRUE(row.is_resized);
  EXPECT_EQ(row.stack, other);  // which enlarges twice as often
  EXPECT_EQ(row.survivor_blocks, 0u);
  EXPECT_EQ(row.grown_by_size, 18 * kMiB);
  ASSERT_EQ(row.largest.size(), 1u);
  EXPECT_EQ(row.largest[0].address, 0x1000u + 29 * 16);
  // It is never gone, whatever happens between the two halves of a realloc.
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(row.floor[i], (9 + 2 * i) * kMiB) << i;
  EXPECT_EQ(view.floor, row.floor);
}

TEST(WindowViewTest, AnArrayThatIsReplacedByALargerOneGrowsBySize) {
  FakeSource source;
  const StackId line = source.Stack({"append"});
  for (int i = 1; i < 30; ++i) {
    source.Malloc(i, 0x1000 + i * 16, i * 10'000, line);
    if (i > 1) source.Free(i + 0.1, 0x1000 + (i - 1) * 16);
  }
  const WindowView view = ViewOf(source, Window(10, 28, 30, 10));
  EXPECT_EQ(view.stacks[0].grown_by_size, 180'000u);
  EXPECT_FALSE(view.stacks[0].is_resized);
}

TEST(WindowViewTest, MoreBlocksOfOneSizeDoNotGrowBySize) {
  FakeSource source;
  const StackId line = source.Stack({"append"});
  for (int i = 1; i < 30; ++i) {
    source.Malloc(i, 0x100000 * i, 100, line);
    source.Realloc(i + 0.1, 0x100000 * i, i + 0.2, 0x100000 * i, 100'000, line);
  }
  const WindowView view = ViewOf(source, Window(10, 28, 30, 10));
  ASSERT_TRUE(view.stacks[0].is_resized);
  EXPECT_EQ(view.stacks[0].grown_by_size, 0u);
  EXPECT_EQ(view.stacks[0].survivor_blocks, 18u);
}

TEST(WindowViewTest, AReallocThatGivesNothingBackReleases) {
  FakeSource source;
  const StackId line = source.Stack({"f"});
  source.Malloc(1, 0x1000, 100, line);
  source.Realloc(2, 0x1000, 2.1, 0x2000, 200, line);
  source.Malloc(3, 0x3000, 7, line);
  source.BeginRealloc(12, 0x2000);
  source.Malloc(13, 0x4000, 1, line);
  const WindowView view = ViewOf(source, Window(10, 18, 20, 10));
  EXPECT_EQ(view.live_at_from, 207u);
  EXPECT_EQ(view.live_at_to, 8u);
}

TEST(WindowViewTest, RowFloorsAgreeWithANaiveOracle) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    FakeSource source;
    const StackId a = source.Stack({"a"});
    std::vector<Bytes> oracle(7, ~Bytes{0});
    std::map<std::uint64_t, Bytes> live;
    Bytes now = 0;
    const double from = 100;
    const double to = 450;
    for (int i = 0; i < 600; ++i) {
      const bool in_window = i >= from && i <= to;
      const auto bin = static_cast<std::size_t>(std::clamp((i - from) / 50, 0.0, 6.0));
      if (in_window) oracle[bin] = std::min(oracle[bin], now);  // the value that holds until now
      const std::uint64_t address = 16 + 16 * (random() % 30);
      if (const auto it = live.find(address); it != live.end()) {
        source.Free(i, address);
        now -= it->second;
        live.erase(it);
      } else {
        live[address] = random() % 100 + 1;
        source.Malloc(i, address, live[address], a);
        now += live[address];
      }
      if (in_window) oracle[bin] = std::min(oracle[bin], now);
    }
    const WindowView view = ViewOf(source, Window(from, 400, to, 7));
    EXPECT_EQ(view.floor, oracle) << "seed " << seed;
    EXPECT_EQ(view.stacks[0].floor, oracle);
  }
}

}  // namespace
}  // namespace memwhy::model
