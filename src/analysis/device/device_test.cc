// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "analysis/device/allocator_replay.h"
#include "analysis/device/device_summary.h"

namespace memwhy::analysis {
namespace {

using model::BlockState;
using model::DeviceAction;
using testing::HasSubstr;

constexpr Bytes kDeviceMiB = Bytes{1} << 20;

// A snapshot built by hand; lines are app.py:LINE.
struct FakeDevice {
  model::DeviceSnapshot snapshot;

  model::StackId Line(int line) {
    const model::FrameId frame = snapshot.stacks.InternFrame(
        {"f" + std::to_string(line), "", "/srv/app.py", line, model::Language::kPython});
    return snapshot.stacks.InternStack(model::kNoPython, frame);
  }
  FakeDevice& Segment(std::uint64_t address, std::vector<model::DeviceBlock> blocks,
                      bool is_expandable = false) {
    model::DeviceSegment segment;
    segment.address = address;
    segment.is_expandable = is_expandable;
    segment.first_block = static_cast<std::uint32_t>(snapshot.blocks.size());
    segment.block_count = static_cast<std::uint32_t>(blocks.size());
    for (model::DeviceBlock& block : blocks) {
      block.address = address;
      address += block.size;
      segment.size += block.size;
      snapshot.blocks.push_back(block);
    }
    snapshot.segments.push_back(segment);
    return *this;
  }
  FakeDevice& Event(DeviceAction action, std::uint64_t address, Bytes size,
                    model::StackId stack = model::kUnknownStack) {
    model::DeviceEvent event;
    event.action = action;
    event.address = address;
    event.size = size;
    event.stack = stack;
    snapshot.events.push_back(event);
    if (snapshot.traces.empty()) snapshot.traces.push_back({});
    ++snapshot.traces[0].count;
    return *this;
  }
};

model::DeviceBlock Block(Bytes size, BlockState state, model::StackId stack = model::kUnknownStack,
                         Bytes requested = 0) {
  return {0, size, requested == 0 ? size : requested, stack, state};
}

TEST(DeviceUsageTest, EachByteHasOneShare) {
  FakeDevice fake;
  fake.Segment(0x1000000, {Block(kDeviceMiB, BlockState::kActive, fake.Line(1), kDeviceMiB - 10),
                           Block(kDeviceMiB, BlockState::kInactive)});
  fake.Segment(0x2000000, {Block(20 * kDeviceMiB, BlockState::kInactive)});
  fake.Segment(0x8000000, {Block(2 * kDeviceMiB, BlockState::kPendingFree, fake.Line(2))});
  fake.Segment(0xa000000, {Block(2 * kDeviceMiB, BlockState::kInactive)});
  fake.snapshot.segments.back().pool = {1, 0};
  // pages of 20 MiB: one is free as a whole
  fake.Segment(20 * kDeviceMiB * 100,
               {Block(5 * kDeviceMiB, BlockState::kActive, fake.Line(3)),
                Block(35 * kDeviceMiB, BlockState::kInactive)},
               true);
  const DeviceUsage usage = MeasureDevice(fake.snapshot, 0);
  EXPECT_EQ(usage.allocated, 6 * kDeviceMiB);
  EXPECT_EQ(usage.rounding(), 10u);
  EXPECT_EQ(usage.pending, 2 * kDeviceMiB);
  EXPECT_EQ(usage.inactive_split, kDeviceMiB);
  EXPECT_EQ(usage.releasable, 40 * kDeviceMiB);
  EXPECT_EQ(usage.held_by_pools, 2 * kDeviceMiB);
  EXPECT_EQ(usage.expandable_rest, 15 * kDeviceMiB);
  EXPECT_EQ(usage.reserved, usage.active + usage.inactive_split + usage.releasable +
                                usage.held_by_pools + usage.expandable_rest);
}

TEST(DeviceUsageTest, APinNamesTheBlockAndTheLineThatIsAlone) {
  FakeDevice fake;
  const auto cache = fake.Line(12);
  fake.Segment(0x1000000, {Block(18 * kDeviceMiB, BlockState::kInactive),
                           Block(512, BlockState::kActive, cache)});
  fake.Segment(0x4000000, {Block(3 * kDeviceMiB, BlockState::kInactive),
                           Block(kDeviceMiB, BlockState::kActive, cache),
                           Block(2 * kDeviceMiB, BlockState::kActive, fake.Line(1))});
  const DeviceUsage usage = MeasureDevice(fake.snapshot, 0);
  ASSERT_EQ(usage.pins.size(), 2u);
  EXPECT_EQ(usage.pins[0].free, 18 * kDeviceMiB);
  EXPECT_EQ(fake.snapshot.blocks[usage.pins[0].largest].size, 512u);
  EXPECT_EQ(usage.pins[1].live_blocks, 2u);
  EXPECT_EQ(fake.snapshot.blocks[usage.pins[1].largest].size, 2 * kDeviceMiB);
  ASSERT_EQ(usage.by_line.size(), 1u) << "the second segment has two lines";
  EXPECT_EQ(fake.snapshot.stacks.frame(*usage.by_line[0].frame).line, 12);
}

TEST(DeviceTimelineTest, BlocksOlderThanTheTraceCountFromItsBegin) {
  FakeDevice fake;
  const auto line = fake.Line(1);
  fake.Segment(0x1000000, {Block(kDeviceMiB, BlockState::kActive, line),       // older, live
                           Block(2 * kDeviceMiB, BlockState::kActive, line)})  // made in the trace
      .Event(DeviceAction::kAlloc, 0x1000000 + kDeviceMiB, 2 * kDeviceMiB, line)
      .Event(DeviceAction::kFreeRequested, 0x9000000, 4 * kDeviceMiB)  // older, freed
      .Event(DeviceAction::kFreeCompleted, 0x9000000, 4 * kDeviceMiB);
  const auto timeline = FollowDevice(fake.snapshot, 0, {}, 10);
  ASSERT_TRUE(timeline);
  EXPECT_EQ(timeline->peak, 7 * kDeviceMiB);
  EXPECT_EQ(timeline->peak_event, 0u);
  EXPECT_EQ(timeline->before.size(), 2u);
  ASSERT_EQ(timeline->at_peak.size(), 3u);
  EXPECT_EQ(timeline->at_peak[0].bytes, 4 * kDeviceMiB);
  EXPECT_FALSE(timeline->at_peak[0].event);
  EXPECT_TRUE(timeline->at_peak[1].is_live_at_end);
  EXPECT_EQ(timeline->points.back().allocated, 3 * kDeviceMiB);
}

TEST(DeviceTimelineTest, ARecordingThatEndedBeforeTheSnapshotIsNoticed) {
  FakeDevice fake;
  fake.Segment(0x1000000, {Block(2 * kDeviceMiB, BlockState::kInactive)})
      .Event(DeviceAction::kAlloc, 0x1000000, kDeviceMiB);
  EXPECT_EQ(FollowDevice(fake.snapshot, 0, {}, 10)->not_in_snapshot, 1u);
}

// A slow second opinion: all live blocks again for each event.
TEST(DeviceTimelineTest, ThePeakIsTheHighestOfAllInstants) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    FakeDevice fake;
    std::map<std::uint64_t, Bytes> live;
    Bytes peak = 0;
    std::map<std::uint64_t, Bytes> at_peak;
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t address = (1 + random() % 12) * kDeviceMiB;
      if (live.contains(address)) {
        fake.Event(DeviceAction::kFreeRequested, address, live[address]);
        fake.Event(DeviceAction::kFreeCompleted, address, live[address]);
        live.erase(address);
      } else {
        live[address] = 512 * (1 + random() % 100);
        fake.Event(DeviceAction::kAlloc, address, live[address]);
      }
      Bytes sum = 0;
      for (const auto& [at, bytes] : live) sum += bytes;
      if (sum > peak) {
        peak = sum;
        at_peak = live;
      }
    }
    const auto timeline = FollowDevice(fake.snapshot, 0, {}, 7);
    EXPECT_EQ(timeline->peak, peak);
    std::map<std::uint64_t, Bytes> found;
    for (const LiveDeviceBlock& block : timeline->at_peak) found[block.address] = block.bytes;
    EXPECT_EQ(found, at_peak);
  }
}

TEST(AllocatorRulesTest, RequestsAreRoundedAsTorchDoes) {
  AllocatorSettings settings;
  EXPECT_EQ(RoundRequest(0, settings), 512u);
  EXPECT_EQ(RoundRequest(513, settings), 1024u);
  ASSERT_TRUE(ApplySetting("roundup_power2_divisions:4", &settings));
  // between 1024 and 2048 in four steps; below 512 * 4 by 512
  EXPECT_EQ(RoundRequest(1200, settings), 1536u);
  EXPECT_EQ(RoundRequest(5 * kDeviceMiB + 1, settings), 6 * kDeviceMiB);
  EXPECT_EQ(RoundRequest(4 * kDeviceMiB, settings), 4 * kDeviceMiB);
}

TEST(AllocatorRulesTest, ASettingThatCannotBeReplayedIsRefused) {
  AllocatorSettings settings;
  for (const char* text : {"backend:cudaMallocAsync", "max_split_size_mb:20", "expandable_segments",
                           "garbage_collection_threshold:2", ""}) {
    const auto applied = ApplySetting(text, &settings);
    ASSERT_FALSE(applied) << text;
    EXPECT_THAT(applied.error().message(), HasSubstr("is no setting that can be replayed"));
  }
}

TEST(AllocatorReplayTest, FreedBlocksAreUsedAgainAndMerged) {
  AllocatorReplay replay({}, 0);
  const auto a = replay.Allocate(3 * kDeviceMiB, 0, 0);
  const auto b = replay.Allocate(3 * kDeviceMiB, 0, 0);
  EXPECT_EQ(replay.reserved(), 20 * kDeviceMiB);
  replay.Free(a);
  replay.Free(b);
  replay.Allocate(9 * kDeviceMiB, 0, 0);
  EXPECT_EQ(replay.reserved(), 20 * kDeviceMiB);
  replay.Allocate(3 * kDeviceMiB, 1, 0);  // another stream has blocks of its own
  EXPECT_EQ(replay.reserved(), 40 * kDeviceMiB);
}

TEST(AllocatorReplayTest, OnlyWholeSegmentsAreReleased) {
  AllocatorReplay replay({}, 0);
  const auto a = replay.Allocate(30 * kDeviceMiB, 0, 0);
  replay.Allocate(100, 0, 0);
  replay.Free(a);
  replay.ReleaseCached();
  EXPECT_EQ(replay.reserved(), 2 * kDeviceMiB);
  EXPECT_EQ(replay.peak_reserved(), 32 * kDeviceMiB);
}

TEST(AllocatorReplayTest, ExpandableSegmentsGrowInPages) {
  AllocatorSettings settings;
  settings.is_expandable = true;
  AllocatorReplay replay(settings, 0);
  const auto a = replay.Allocate(15 * kDeviceMiB, 0, 0);
  const auto b = replay.Allocate(30 * kDeviceMiB, 0, 0);
  EXPECT_EQ(replay.reserved(), 60 * kDeviceMiB) << "45 MiB in pages of 20";
  replay.Free(b);
  replay.ReleaseCached();
  EXPECT_EQ(replay.reserved(), 20 * kDeviceMiB);
  replay.Free(a);
  replay.Allocate(50 * kDeviceMiB, 0, 0);
  EXPECT_EQ(replay.reserved(), 60 * kDeviceMiB);
}

}  // namespace
}  // namespace memwhy::analysis
