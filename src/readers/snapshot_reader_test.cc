// SPDX-License-Identifier: Apache-2.0
#include "readers/snapshot_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "readers/fake_pickle.h"

namespace memwhy::readers {
namespace {

using model::DeviceAction;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

Result<model::DeviceSnapshot> ReadBytes(std::string_view bytes, std::size_t step = 1 << 20) {
  SnapshotReader reader;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    if (!reader.Feed(bytes.substr(at, step))) break;
  }
  return reader.Finish();
}

TEST(SnapshotReaderTest, SegmentsBlocksAndEventsAreRead) {
  const auto snapshot = ReadBytes(pickle::Pickle(pickle::SmallSnapshot()));
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_EQ(snapshot->damage, "");
  EXPECT_TRUE(snapshot->left_out.empty());
  ASSERT_EQ(snapshot->segments.size(), 1u);
  EXPECT_EQ(snapshot->segments[0].size, Bytes{20} << 20);
  EXPECT_EQ(snapshot->segments[0].block_count, 4u);
  ASSERT_EQ(snapshot->blocks.size(), 4u);
  EXPECT_EQ(snapshot->blocks[0].requested, (Bytes{4} << 20) - 100);
  EXPECT_EQ(snapshot->blocks[1].state, model::BlockState::kInactive);
  const auto frames = snapshot->stacks.Frames(snapshot->blocks[2].stack);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(snapshot->stacks.frame(frames[0]).file, "/srv/cache.py");
  ASSERT_EQ(snapshot->traces.size(), 1u);
  EXPECT_EQ(snapshot->traces[0].count, 6u);
  EXPECT_EQ(snapshot->events[2].action, DeviceAction::kAlloc);
  EXPECT_EQ(snapshot->events[2].time_us, 1500000);
  EXPECT_EQ(snapshot->settings.at("max_split_size"), "-1");
}

TEST(SnapshotReaderTest, PiecesOfAnySizeGiveTheSame) {
  const std::string bytes = pickle::Pickle(pickle::SmallSnapshot(), 2);
  for (std::size_t step = 1; step < 50; ++step) {
    const auto snapshot = ReadBytes(bytes, step);
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(snapshot->events.size(), 6u);
    EXPECT_EQ(snapshot->blocks.size(), 4u);
  }
}

TEST(SnapshotReaderTest, MissingFieldsStayUnknown) {
  // torch 2.1: no time_us, no frames; a block without address follows the one before
  const std::string event = pickle::Dict(
      {{"action", pickle::Text("alloc")}, {"addr", pickle::Int(512)}, {"size", pickle::Int(5)}});
  const std::string block =
      pickle::Dict({{"size", pickle::Int(512)}, {"state", pickle::Text("active_awaiting_free")}});
  const std::string segment = pickle::Dict({{"total_size", pickle::Int(1024)},
                                            {"address", pickle::Int(4096)},
                                            {"blocks", pickle::List({block, block})}});
  const auto snapshot = ReadBytes(pickle::Pickle(pickle::SnapshotOf({segment}, {event})));
  ASSERT_TRUE(snapshot);
  EXPECT_FALSE(snapshot->has_times);
  EXPECT_EQ(snapshot->events[0].stack, model::kUnknownStack);
  EXPECT_EQ(snapshot->blocks[1].address, 4096u + 512u);
  EXPECT_EQ(snapshot->blocks[1].state, model::BlockState::kPendingFree);
  EXPECT_EQ(snapshot->blocks[1].requested, 512u);
}

TEST(SnapshotReaderTest, TheForwardStackStandsForABackwardAllocation) {
  const std::string event = pickle::Dict({{"action", pickle::Text("alloc")},
                                          {"addr", pickle::Int(512)},
                                          {"size", pickle::Int(5)},
                                          {"frames", pickle::List({})},
                                          {"forward_frames", pickle::List({pickle::Text("f")})}});
  const auto snapshot = ReadBytes(pickle::Pickle(pickle::SnapshotOf({}, {event})));
  ASSERT_TRUE(snapshot);
  const auto frames = snapshot->stacks.Frames(snapshot->events[0].stack);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(snapshot->stacks.frame(frames[0]).function, "f");
}

TEST(SnapshotReaderTest, AFileThatEndsEarlyIsReadUpToThere) {
  const std::string whole = pickle::Pickle(pickle::SmallSnapshot());
  const std::size_t events_at = whole.find("free_requested");
  const auto snapshot = ReadBytes(whole.substr(0, events_at));
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_THAT(snapshot->damage, HasSubstr("the file ends here"));
  EXPECT_EQ(snapshot->segments.size(), 1u);
  EXPECT_EQ(snapshot->events.size(), 4u);
  EXPECT_EQ(snapshot->traces[0].count, 4u);
}

TEST(SnapshotReaderTest, EveryCutIsReadOrRefused) {
  const std::string whole = pickle::Pickle(pickle::SmallSnapshot());
  std::size_t events = 0;
  for (std::size_t end = 0; end < whole.size(); ++end) {
    const auto snapshot = ReadBytes(whole.substr(0, end));
    if (!snapshot) {
      EXPECT_THAT(snapshot.error().message(), HasSubstr("byte "));
      EXPECT_EQ(events, 0u) << "more bytes must not give less";
      continue;
    }
    EXPECT_THAT(snapshot->damage, HasSubstr("byte "));
    EXPECT_GE(snapshot->events.size(), events);
    events = snapshot->events.size();
  }
  EXPECT_EQ(events, 6u);
}

TEST(SnapshotReaderTest, AListThatIsUsedTwiceCountsOnce) {
  // device_traces: [t, t] by the memo, and the same segment twice
  const std::string event = pickle::EventOf("alloc", 512, 5, 1, pickle::List({}));
  const std::string trace = pickle::List({event}) + "q\x01";
  const std::string segment =
      pickle::SegmentOf(512, 512, false, {pickle::BlockOf(512, 512, 5, "inactive", "]")});
  const std::string bytes = pickle::Dict({{"segments", "](" + segment + "q\x02" + "h\x02" + "e"},
                                          {"device_traces", "](" + trace + "h\x01" + "e"}});
  const auto snapshot = ReadBytes(pickle::Pickle(bytes, 2));
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_EQ(snapshot->segments.size(), 1u);
  EXPECT_EQ(snapshot->traces.size(), 1u);
}

TEST(SnapshotReaderTest, WhatIsNoSnapshotIsRefusedWithAReason) {
  const auto why = [](const std::string& bytes) {
    const auto snapshot = ReadBytes(bytes);
    return snapshot ? std::string("accepted") : snapshot.error().message();
  };
  EXPECT_THAT(why(""), HasSubstr("empty"));
  EXPECT_THAT(why("hello"), HasSubstr("0x68 does not begin a pickle"));
  EXPECT_THAT(why("\x1f\x8b\x08"), HasSubstr("gunzip"));
  EXPECT_THAT(why("PK\x03\x04"), HasSubstr("torch.save"));
  EXPECT_THAT(why(pickle::Pickle(pickle::Int(1))), HasSubstr("without segments"));
  EXPECT_THAT(why(pickle::Pickle(pickle::Dict({{"a", pickle::Int(1)}}))),
              HasSubstr("without segments"));
  EXPECT_THAT(why(pickle::Pickle("cos\nsystem\n")), HasSubstr("nothing was run"));
}

TEST(SnapshotReaderTest, ACodeCarryingSnapshotIsReadUpToTheCode) {
  std::string bytes = pickle::Pickle(pickle::SmallSnapshot());
  bytes.insert(bytes.find("free_requested") - 20, "cos\nsystem\n");
  const auto snapshot = ReadBytes(bytes);
  EXPECT_TRUE(!snapshot || !snapshot->damage.empty());
}

TEST(SnapshotReaderTest, ValuesOfWrongTypesAreLeftOutAndCounted) {
  const std::string odd_event = pickle::Dict(
      {{"action", pickle::Text("alloc")}, {"addr", pickle::Text("x")}, {"size", pickle::Int(1)}});
  const std::string huge = pickle::Dict({{"total_size", pickle::Int(std::int64_t{1} << 60)}});
  const auto snapshot =
      ReadBytes(pickle::Pickle(pickle::SnapshotOf({huge}, {odd_event, pickle::Int(3)})));
  ASSERT_TRUE(snapshot);
  EXPECT_THAT(snapshot->left_out, UnorderedElementsAre(HasSubstr("1 events without address"),
                                                       HasSubstr("2 events that are none"),
                                                       HasSubstr("1 segments that are none"),
                                                       HasSubstr("1 segments without")));
}

TEST(SnapshotReaderTest, FiveThousandDamagedFilesAreReadOrRefused) {
  const std::string whole = pickle::Pickle(pickle::SmallSnapshot());
  std::mt19937 random(20);
  std::size_t read = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = whole;
    const std::size_t changes = 1 + random() % 4;
    for (std::size_t k = 0; k < changes; ++k) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 16);
          break;
        case 2:
          bytes.insert(at, 1, static_cast<char>(random()));
          break;
        default:
          bytes.insert(at, bytes.substr(random() % bytes.size(), 40));
      }
      if (bytes.empty()) bytes = "K";
    }
    const auto snapshot = ReadBytes(bytes, 1 + random() % 200);
    if (!snapshot) {
      EXPECT_NE(snapshot.error().message(), "");
      continue;
    }
    ++read;
    for (const model::DeviceSegment& segment : snapshot->segments) {
      ASSERT_LE(segment.first_block + segment.block_count, snapshot->blocks.size());
    }
    for (const model::DeviceTrace& trace : snapshot->traces) {
      ASSERT_LE(trace.first + trace.count, snapshot->events.size());
    }
  }
  EXPECT_GT(read, 100u);
}

}  // namespace
}  // namespace memwhy::readers
