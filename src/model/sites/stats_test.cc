// SPDX-License-Identifier: Apache-2.0
#include "model/sites/stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "model/sites/fake_source.h"

namespace memwhy::model {
namespace {

Stats StatsOf(const FakeSource& source, StatsOptions options = {}) {
  return ComputeStats(source, options).value();
}

TEST(StatsTest, CountsPerSiteAndInTotal) {
  FakeSource source;
  const StackId put = source.Stack({"put", "main"});
  const StackId get = source.Stack({"get", "main"});
  source.Malloc(1, 0x1000, 100, put);
  source.Malloc(2, 0x2000, 50, put);
  source.Malloc(3, 0x3000, 7, get);
  source.Free(4, 0x1000);
  const Stats stats = StatsOf(source);
  ASSERT_EQ(stats.sites.size(), 2u);
  EXPECT_EQ(stats.sites[0].key.stack, put);
  EXPECT_EQ(stats.sites[0].live, (Amount{50, 1}));
  EXPECT_EQ(stats.sites[0].at_peak, (Amount{150, 2}));
  EXPECT_EQ(stats.sites[0].allocated, (Amount{150, 2}));
  EXPECT_EQ(stats.sites[0].released, (Amount{100, 1}));
  EXPECT_EQ(stats.peak, (Amount{157, 3}));
  EXPECT_EQ(stats.peak_at, 3);
  EXPECT_EQ(stats.live, (Amount{57, 2}));
}

TEST(StatsTest, TemporaryIsReleasedByTheSameThreadBeforeItsNextAllocation) {
  FakeSource source;
  const ThreadId other = source.AddThread(ProcessId{0}, 101, "worker");
  source.Malloc(1, 0x1000, 10);
  source.Free(2, 0x1000);  // temporary
  source.Malloc(3, 0x1000, 20);
  source.Malloc(4, 0x2000, 30);
  source.Free(5, 0x1000);            // not: an allocation came between
  source.As(other).Free(6, 0x2000);  // not: another thread
  source.As(other).Malloc(7, 0x3000, 40);
  source.As(ThreadId{0}).Malloc(8, 0x4000, 1);
  source.As(other).Free(9, 0x3000);  // temporary: only the thread's own allocations count
  const Stats stats = StatsOf(source);
  EXPECT_EQ(stats.temporary, (Amount{50, 2}));
}

TEST(StatsTest, ReallocIsAReleaseAndAnAllocationAtItsOwnSite) {
  FakeSource source;
  const StackId make = source.Stack({"make"});
  const StackId grow = source.Stack({"grow"});
  source.Malloc(1, 0x1000, 10, make);
  source.Realloc(2, 0x1000, 2.1, 0x1000, 30, grow);
  const Stats stats = StatsOf(source);
  ASSERT_EQ(stats.sites.size(), 2u);
  EXPECT_EQ(stats.sites[0].key.stack, grow);
  EXPECT_EQ(stats.sites[0].key.allocator, wire::Allocator::kRealloc);
  EXPECT_EQ(stats.sites[0].live, (Amount{30, 1}));
  EXPECT_EQ(stats.sites[1].live, Amount{});
  EXPECT_EQ(stats.sites[1].released, (Amount{10, 1}));
  EXPECT_EQ(stats.peak, (Amount{30, 1}));
}

TEST(StatsTest, UnknownReleasesAreCountedApart) {
  FakeSource source;
  source.Free(1, 0x9000);
  source.Unmap(1, 0x9000, 4096);
  source.Malloc(2, 0x1000, 10);
  const Stats stats = StatsOf(source);
  EXPECT_EQ(stats.unknown_releases, 1u);
  EXPECT_EQ(stats.unknown_unmaps, 1u);
  EXPECT_EQ(stats.released, Amount{});
  EXPECT_EQ(stats.live, (Amount{10, 1}));
}

TEST(StatsTest, PeakAndCountsAreThoseOfTheRange) {
  FakeSource source;
  source.Malloc(1, 0x1000, 1000);
  source.Free(2, 0x1000);
  source.Malloc(10, 0x2000, 30);
  source.Malloc(20, 0x3000, 40);
  source.Free(30, 0x2000);
  const Stats stats = StatsOf(source, {15, 25});
  EXPECT_EQ(stats.from, 15);
  EXPECT_EQ(stats.to, 25);
  EXPECT_EQ(stats.allocated, (Amount{40, 1}));
  EXPECT_EQ(stats.released, Amount{});
  EXPECT_EQ(stats.live, (Amount{70, 2}));
  EXPECT_EQ(stats.peak, (Amount{70, 2}));
  EXPECT_EQ(stats.peak_at, 20);
}

TEST(StatsTest, PeakOfAFallingRangeIsAtItsBeginning) {
  FakeSource source;
  source.Malloc(1, 0x1000, 1000);
  source.Malloc(2, 0x2000, 10);
  source.Free(7, 0x1000);
  const Stats stats = StatsOf(source, {5, 9});
  EXPECT_EQ(stats.peak, (Amount{1010, 2}));
  EXPECT_EQ(stats.peak_at, 5);
  EXPECT_EQ(stats.released, (Amount{1000, 1}));
}

TEST(StatsTest, RangeWithoutEventsStillHasALiveSetAndAPeak) {
  FakeSource source;
  source.Malloc(1, 0x1000, 1000);
  const Stats stats = StatsOf(source, {5, 9});
  EXPECT_EQ(stats.live, (Amount{1000, 1}));
  EXPECT_EQ(stats.peak, (Amount{1000, 1}));
  EXPECT_EQ(stats.allocated, Amount{});
}

TEST(StatsTest, RangeEndsWithTheSession) {
  const FakeSource source;
  EXPECT_EQ(StatsOf(source, {0, 1000}).to, 60);
  EXPECT_EQ(StatsOf(source).to, 60);
}

TEST(StatsTest, ChildInheritsLiveButNotAllocated) {
  FakeSource source;
  const StackId load = source.Stack({"load"});
  const ProcessId child = source.AddProcess(200, 100);
  const ThreadId child_thread = source.AddThread(child, 200, "MainThread");
  source.Malloc(1, 0x1000, 100, load);
  source.Map(1.5, 0x100000, 8192, load);
  source.Fork(2, child);
  source.As(child_thread).Free(3, 0x1000);
  source.As(child_thread).Malloc(4, 0x1000, 7, load);
  const Stats stats = StatsOf(source);
  EXPECT_EQ(stats.live, (Amount{100 + 8192 + 8192 + 7, 4}));
  EXPECT_EQ(stats.allocated, (Amount{100 + 8192 + 7, 3}));
  EXPECT_EQ(stats.released, (Amount{100, 1}));
  EXPECT_EQ(stats.peak, (Amount{2 * 8292, 4}));
  EXPECT_EQ(stats.peak_at, 2);
  for (const SiteStats& site : stats.sites) {
    if (site.key.process == child && site.key.thread == ThreadId{0} &&
        site.key.allocator == wire::Allocator::kMalloc) {
      EXPECT_EQ(site.live, Amount{});
      EXPECT_EQ(site.released, (Amount{100, 1}));
    }
  }
}

TEST(StatsTest, EndedProcessKeepsItsLiveBytesButLeavesThePeak) {
  FakeSource source;
  const ProcessId child = source.AddProcess(200, 100);
  const ThreadId child_thread = source.AddThread(child, 200, "MainThread");
  source.Fork(1, child);
  source.As(child_thread).Malloc(2, 0x1000, 100);
  source.End(3, child);
  source.As(ThreadId{0}).Malloc(4, 0x1000, 60);
  source.Malloc(5, 0x2000, 60);
  const Stats stats = StatsOf(source);
  EXPECT_EQ(stats.live, (Amount{220, 3}));
  EXPECT_EQ(stats.peak, (Amount{120, 2}));
  EXPECT_EQ(stats.peak_at, 5);
  for (const SiteStats& site : stats.sites) {
    if (site.key.process == child) {
      EXPECT_EQ(site.live, (Amount{100, 1}));
      EXPECT_EQ(site.at_peak, Amount{});
    }
  }
}

TEST(StatsTest, ProcessThatEndsAfterThePeakIsPartOfIt) {
  FakeSource source;
  const ProcessId child = source.AddProcess(200, 100);
  const ThreadId child_thread = source.AddThread(child, 200, "MainThread");
  source.As(child_thread).Malloc(2, 0x1000, 100);
  source.End(3, child);
  source.As(ThreadId{0}).Malloc(4, 0x1000, 60);
  const Stats stats = StatsOf(source);
  EXPECT_EQ(stats.peak, (Amount{100, 1}));
  for (const SiteStats& site : stats.sites) {
    EXPECT_EQ(site.at_peak.bytes, site.key.process == child ? 100u : 0u);
  }
}

// A slow and obvious second opinion: all events again, with a snapshot of every instant.
TEST(StatsTest, AgreesWithANaiveOracleOverRandomEvents) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    FakeSource source;
    std::vector<StackId> stacks;
    for (const char* name : {"a", "b", "c"}) stacks.push_back(source.Stack({name}));
    const double from = seed % 3 == 0 ? 0 : 100;
    const double to = seed % 2 == 0 ? 1000 : 300;
    std::map<std::uint64_t, std::pair<std::uint64_t, StackId>> live;
    std::map<StackId, Amount> now, allocated, released, at_peak;
    Bytes total = 0;
    Bytes peak = 0;
    double peak_at = from;
    bool started = false;
    std::map<StackId, Amount> live_at_end;
    for (int i = 0; i < 400; ++i) {
      const double time = i;
      if (!started && time >= from) {
        started = true;
        peak = total;
        at_peak = now;
      }
      const bool in_range = time >= from && time <= to;
      const std::uint64_t address = 16 + 16 * (random() % 40);
      if (const auto it = live.find(address); it != live.end()) {
        source.Free(time, address);
        const auto [size, stack] = it->second;
        now[stack].bytes -= size;
        now[stack].blocks -= 1;
        total -= size;
        if (in_range) released[stack] += Amount{size, 1};
        live.erase(it);
      } else {
        const std::uint64_t size = random() % 1000;
        const StackId stack = stacks[random() % stacks.size()];
        source.Malloc(time, address, size, stack);
        live[address] = {size, stack};
        now[stack] += Amount{size, 1};
        total += size;
        if (in_range) allocated[stack] += Amount{size, 1};
        if (in_range && total > peak) {
          peak = total;
          peak_at = time;
          at_peak = now;
        }
      }
      if (time <= to) live_at_end = now;
    }
    const Stats stats = StatsOf(source, {from, to});
    EXPECT_EQ(stats.peak.bytes, peak);
    EXPECT_EQ(stats.peak_at, peak_at);
    for (const SiteStats& site : stats.sites) {
      EXPECT_EQ(site.live, live_at_end[site.key.stack]);
      EXPECT_EQ(site.at_peak, at_peak[site.key.stack]) << "seed " << seed;
      EXPECT_EQ(site.allocated, allocated[site.key.stack]);
      EXPECT_EQ(site.released, released[site.key.stack]);
    }
  }
}

}  // namespace
}  // namespace memwhy::model
