// SPDX-License-Identifier: Apache-2.0
#include "session/reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/sites/stats.h"
#include "model/sites/window_view.h"
#include "session/session_builder.h"
#include "session/temporary_directory.h"

namespace memwhy::session {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using wire::Allocator;

// Every event as one line.
class Lines : public model::EventVisitor {
 public:
  explicit Lines(const model::StackTree& stacks) : stacks_(stacks) {}

  void OnAcquire(const model::Acquire& event) override {
    std::string stack;
    for (const model::FrameId id : stacks_.Frames(event.stack)) {
      const model::Frame& frame = stacks_.frame(id);
      stack += fmt::format(" {}.{}:{}", frame.module, frame.function, frame.line);
    }
    lines.push_back(fmt::format("{:.3f} p{} t{} {} {:x} {}{}", event.time, event.process.value,
                                event.thread.value, wire::AllocatorName(event.allocator),
                                event.address, event.size, stack));
  }
  void OnRelease(double time, model::ProcessId process, model::ThreadId thread,
                 std::uint64_t address) override {
    lines.push_back(
        fmt::format("{:.3f} p{} t{} free {:x}", time, process.value, thread.value, address));
  }
  void OnUnmap(double time, model::ProcessId process, model::ThreadId thread, std::uint64_t address,
               std::uint64_t size) override {
    lines.push_back(fmt::format("{:.3f} p{} t{} munmap {:x} {}", time, process.value, thread.value,
                                address, size));
  }
  void OnFork(double time, model::ProcessId parent, model::ProcessId child) override {
    lines.push_back(fmt::format("{:.3f} p{} fork p{}", time, parent.value, child.value));
  }
  void OnProcessEnd(double time, model::ProcessId process) override {
    lines.push_back(fmt::format("{:.3f} p{} end", time, process.value));
  }
  void OnMark(double time, model::ProcessId process, std::string_view name,
              std::uint64_t count) override {
    lines.push_back(fmt::format("{:.3f} p{} mark {} {}", time, process.value, name, count));
  }

  std::vector<std::string> lines;

 private:
  const model::StackTree& stacks_;
};

std::vector<std::string> ReplayLines(const Session& session) {
  Lines lines(session.stacks());
  const auto replayed = session.Replay(lines);
  EXPECT_TRUE(replayed) << (replayed ? "" : replayed.error().message());
  return lines.lines;
}

class ReaderTest : public ::testing::Test {
 protected:
  std::unique_ptr<Session> Open() {
    auto session = Session::Open(path_);
    EXPECT_TRUE(session) << (session ? "" : session.error().message());
    return session ? *std::move(session) : nullptr;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "a.mwy";
};

TEST_F(ReaderTest, WhatWasWrittenIsReadBack) {
  SessionBuilder builder(path_);
  StreamEncoder& main = builder.Stream(0, 0);
  main.Time(At(0));
  main.Thread(100, "python");
  main.ThreadName("MainThread");
  const auto handle = main.DefineNode(wire::kStackNone, main.DefineCode("handle", "a.py", "", 10));
  const auto put_code = main.DefineCode("put", "a.py", "app", 20);
  const auto put = main.DefineNode(handle, put_code);
  main.CodeModule(1, "app");
  main.Allocate(At(1), Allocator::kMalloc, 0x1000, 64, put);
  main.Allocate(At(2), Allocator::kMalloc, 0x2000, 64, put);
  main.Allocate(At(3), Allocator::kPosixMemalign, 0x3000, 100, handle);
  main.Free(At(4), 0x1000);
  main.Allocate(At(5), Allocator::kMmap, 0x10000, 8192, wire::kStackUnknown);
  main.Unmap(At(6), 0x10000, 4096);
  main.Mark(At(7), "request", 3);
  main.ThreadEnd(At(8));
  ASSERT_TRUE(builder.Write());

  const auto session = Open();
  EXPECT_THAT(ReplayLines(*session),
              ElementsAre("1.000 p0 t0 malloc 1000 64 app.put:20 app.handle:10",
                          "2.000 p0 t0 malloc 2000 64 app.put:20 app.handle:10",
                          "3.000 p0 t0 posix_memalign 3000 100 app.handle:10",
                          "4.000 p0 t0 free 1000", "5.000 p0 t0 mmap 10000 8192",
                          "6.000 p0 t0 munmap 10000 4096", "7.000 p0 mark request 3"));
  const model::Recording& recording = session->recording();
  EXPECT_EQ(recording.damage, "");
  EXPECT_TRUE(recording.complete);
  EXPECT_EQ(recording.ended, "exit:0");
  EXPECT_DOUBLE_EQ(recording.seconds, 60);
  ASSERT_EQ(recording.threads.size(), 1u);
  EXPECT_EQ(recording.threads[0].name, "MainThread");
  EXPECT_EQ(recording.threads[0].tid, 100u);
  EXPECT_NEAR(recording.threads[0].ended_at.value_or(0), 8, 1e-9);
  ASSERT_EQ(recording.marks.size(), 1u);
  EXPECT_EQ(recording.marks[0].count, 3u);
  EXPECT_EQ(ReplayLines(*session).size(), 7u) << "a second replay delivers the same";
}

TEST_F(ReaderTest, ReallocIsAReleaseAndAnAcquisitionBothInTheMergedOrder) {
  SessionBuilder builder(path_);
  StreamEncoder& a = builder.Stream(0, 0);
  StreamEncoder& b = builder.Stream(0, 1);
  a.Allocate(At(1), Allocator::kMalloc, 0x1000, 10, wire::kStackNone);
  a.Realloc(At(2), 0x1000, At(4), 0x2000, 20, wire::kStackNone);
  a.Free(At(5), 0x2000);
  // While a's realloc runs, b is given the old block.
  b.Allocate(At(3), Allocator::kMalloc, 0x1000, 30, wire::kStackNone);
  b.Remap(At(6), 0x10000, 4096, At(7), 0x20000, 8192, wire::kStackNone);
  ASSERT_TRUE(builder.Write());
  EXPECT_THAT(ReplayLines(*Open()),
              ElementsAre("1.000 p0 t0 malloc 1000 10", "2.000 p0 t0 free 1000",
                          "3.000 p0 t1 malloc 1000 30", "4.000 p0 t0 realloc 2000 20",
                          "5.000 p0 t0 free 2000", "6.000 p0 t1 munmap 10000 4096",
                          "7.000 p0 t1 mremap 20000 8192"));
}

TEST_F(ReaderTest, AtEqualTimesReleasesGoFirst) {
  SessionBuilder builder(path_);
  builder.Stream(0, 0).Allocate(At(1), Allocator::kMalloc, 0x1000, 10, wire::kStackNone);
  builder.Stream(0, 1).Free(At(1), 0x1000);
  ASSERT_TRUE(builder.Write());
  EXPECT_THAT(ReplayLines(*Open()),
              ElementsAre("1.000 p0 t1 free 1000", "1.000 p0 t0 malloc 1000 10"));
}

TEST_F(ReaderTest, EqualStacksOfTwoThreadsHaveOneId) {
  SessionBuilder builder(path_);
  for (std::uint32_t thread = 0; thread < 2; ++thread) {
    StreamEncoder& stream = builder.Stream(0, thread);
    if (thread == 1) stream.DefineCode("unused", "u.py", "u", 1);
    const auto code = stream.DefineCode("f", "a.py", thread == 0 ? "" : "app", 7);
    const auto node = stream.DefineNode(wire::kStackNone, code);
    stream.Allocate(At(1), Allocator::kMalloc, 0x1000 + 64 * thread, 10, node);
    if (thread == 0) stream.CodeModule(code, "app");  // learned later
  }
  ASSERT_TRUE(builder.Write());
  const auto session = Open();
  EXPECT_EQ(session->stacks().frame_count(), 1u);
  EXPECT_THAT(ReplayLines(*session), ElementsAre("1.000 p0 t0 malloc 1000 10 app.f:7",
                                                 "1.000 p0 t1 malloc 1040 10 app.f:7"));
}

TEST_F(ReaderTest, ForkAndProcessEndComeAtTheirTimes) {
  SessionBuilder builder(path_);
  const auto child = builder.AddProcess(101, 100, 2);
  StreamEncoder& parent = builder.Stream(0, 0);
  parent.Allocate(At(1), Allocator::kMalloc, 0x1000, 10, wire::kStackNone);
  parent.Fork(At(2), 101);
  parent.Free(At(5), 0x1000);
  builder.Stream(child, 0).Free(At(3), 0x1000);
  builder.process_ends.push_back({child, At(4), "exit:0", 0, 0, 0});
  ASSERT_TRUE(builder.Write());
  EXPECT_THAT(ReplayLines(*Open()),
              ElementsAre("1.000 p0 t0 malloc 1000 10", "2.000 p0 fork p1", "3.000 p1 t1 free 1000",
                          "4.000 p1 end", "5.000 p0 t0 free 1000"));
}

TEST_F(ReaderTest, AProcessThatNotesItsEndEndsThereAndNotWhenItIsNoticed) {
  SessionBuilder builder(path_);
  const auto other = builder.AddProcess(101, 100, 1);
  builder.Stream(0, 0).Allocate(At(4), Allocator::kMalloc, 0x1000, 10, wire::kStackNone);
  builder.Stream(other, 0).Free(At(2), 0x2000);
  builder.process_ends.push_back({other, At(5), "exit:0", 0, 0, 0, 0, At(3)});
  ASSERT_TRUE(builder.Write());
  EXPECT_THAT(ReplayLines(*Open()),
              ElementsAre("2.000 p1 t1 free 2000", "3.000 p1 end", "4.000 p0 t0 malloc 1000 10"));
}

TEST_F(ReaderTest, AChildThatKnowsItsForkIsForkedThere) {
  SessionBuilder builder(path_);
  const auto child = builder.AddProcess(101, 100, 2.5);
  builder.processes[child].fork_clock = At(2);
  StreamEncoder& parent = builder.Stream(0, 0);
  parent.Allocate(At(1), Allocator::kMalloc, 0x1000, 10, wire::kStackNone);
  parent.Free(At(2), 0x1000);
  parent.Allocate(At(2) + 1, Allocator::kMalloc, 0x2000, 10, wire::kStackNone);
  builder.Stream(child, 0).Free(At(3), 0x1000);
  ASSERT_TRUE(builder.Write());
  EXPECT_THAT(ReplayLines(*Open()),
              ElementsAre("1.000 p0 t0 malloc 1000 10", "2.000 p0 t0 free 1000", "2.000 p0 fork p1",
                          "2.000 p0 t0 malloc 2000 10", "3.000 p1 t1 free 1000"));
}

TEST_F(ReaderTest, LossesMakeARecordingIncomplete) {
  SessionBuilder builder(path_);
  builder.Stream(0, 0).Lost(5, 500);
  ASSERT_TRUE(builder.Write());
  const auto session = Open();
  EXPECT_EQ(session->recording().lost_events, 5u);
  EXPECT_FALSE(session->recording().complete);
}

TEST_F(ReaderTest, AnUndefinedStackEndsTheStreamAndIsSaid) {
  SessionBuilder builder(path_);
  StreamEncoder& bad = builder.Stream(0, 0);
  bad.Allocate(At(1), Allocator::kMalloc, 0x1000, 10, wire::kStackNone);
  bad.Allocate(At(2), Allocator::kMalloc, 0x2000, 10, 77);
  bad.Allocate(At(3), Allocator::kMalloc, 0x3000, 10, wire::kStackNone);
  builder.Stream(0, 1).Free(At(4), 0x1000);
  ASSERT_TRUE(builder.Write());
  const auto session = Open();
  EXPECT_THAT(ReplayLines(*session),
              ElementsAre("1.000 p0 t0 malloc 1000 10", "4.000 p0 t1 free 1000"));
  EXPECT_THAT(session->recording().damage, HasSubstr("does not decode"));
  EXPECT_FALSE(session->recording().complete);
}

TEST_F(ReaderTest, AMissingPieceEndsTheStreamAndIsSaid) {
  auto writer = SessionWriter::Create(path_);
  ASSERT_TRUE(writer);
  StreamEncoder stream;
  stream.Free(1, 0x1000);
  auto bytes = stream.Take();
  ASSERT_TRUE((*writer)->AddPiece(0, 0, 0, bytes));
  ASSERT_TRUE((*writer)->AddPiece(0, 0, bytes.size() + 10, bytes));
  ASSERT_TRUE((*writer)->Flush());
  writer->reset();
  const auto session = Open();
  EXPECT_THAT(session->recording().damage, HasSubstr("missing"));
  EXPECT_EQ(ReplayLines(*session).size(), 1u);
}

TEST_F(ReaderTest, ASessionWithoutEndIsALostRecorder) {
  SessionBuilder builder(path_);
  builder.Stream(0, 0).Free(At(1), 0x1000);
  builder.end.reset();
  ASSERT_TRUE(builder.Write());
  EXPECT_EQ(Open()->recording().ended, "recorder_lost");
}

TEST_F(ReaderTest, InterventionsAreThoseOfKnownProcesses) {
  SessionBuilder builder(path_);
  builder.Stream(0, 0).Thread(100, "MainThread");
  builder.interventions = {{0, "trim", At(5), At(6), 2, 1.5, "pages were given back", ""},
                           {0, "gc", At(3), At(4), 200, 0, "", "over the limit"},
                           {7, "gc", At(3), At(4), 0, 0, "", ""}};
  ASSERT_TRUE(builder.Write());
  const auto session = Open();
  const auto& interventions = session->recording().interventions;
  ASSERT_EQ(interventions.size(), 2u);
  EXPECT_EQ(interventions[0].what, "gc");
  EXPECT_EQ(interventions[0].error, "over the limit");
  EXPECT_DOUBLE_EQ(interventions[1].from, 5);
  EXPECT_DOUBLE_EQ(interventions[1].to, 6);
  EXPECT_DOUBLE_EQ(interventions[1].predicted_ms, 2);
  EXPECT_DOUBLE_EQ(interventions[1].pause_ms, 1.5);
  EXPECT_EQ(interventions[1].answer, "pages were given back");
}

TEST_F(ReaderTest, SmallObjectsOfAPeriodAreInNoSum) {
  SessionBuilder builder(path_);
  StreamEncoder& stream = builder.Stream(0, 0);
  stream.Thread(100, "MainThread");
  const auto make = stream.DefineNode(wire::kStackNone, stream.DefineCode("make", "a.py", "a", 1));
  stream.Allocate(At(1), wire::Allocator::kPymallocArena, 0x100000, 0x40000, make);
  stream.ObjectAllocate(At(2), wire::Allocator::kPymemObj, 0x100040, 48, make);
  stream.ObjectFree(At(3), 0x100000);  // not the arena; a block that was never told
  stream.ObjectFree(At(3), 0x7f0000);
  builder.object_periods = {{0, At(2), std::nullopt}, {0, At(2), At(4)}, {0, At(5), std::nullopt}};
  ASSERT_TRUE(builder.Write());
  const auto session = Open();
  const model::Stats stats = model::ComputeStats(*session, {}).value();
  ASSERT_EQ(stats.sites.size(), 1u);
  EXPECT_EQ(stats.live.bytes, 0x40000u);
  EXPECT_EQ(stats.allocated.blocks, 1u);
  EXPECT_EQ(stats.unknown_releases, 0u);
  const auto& periods = session->recording().object_periods;
  ASSERT_EQ(periods.size(), 2u);
  EXPECT_DOUBLE_EQ(periods[0].from, 2);
  EXPECT_DOUBLE_EQ(periods[0].to.value_or(0), 4);
  EXPECT_FALSE(periods[1].to.has_value());
  const auto live =
      model::LiveBlocksAt(*session, model::ProcessId{0}, 3.5, model::SmallObjects::kIncluded)
          .value();
  ASSERT_EQ(live.size(), 2u);
  EXPECT_EQ(live[1].address, 0x100040u);
  EXPECT_EQ(session->stacks().leaf(live[1].stack).function, "make");
}

TEST_F(ReaderTest, FactsOfTheOperatingSystemAreReadBack) {
  SessionBuilder builder(path_);
  model::OsSample sample;
  sample.rss = 1000;
  sample.cgroup_current = 2000;
  builder.os_samples.samples.push_back({At(2), sample});
  MapsFact maps;
  maps.monotonic_ns = At(3);
  maps.pass.at = "start";
  maps.pass.residency_known = true;
  maps.pass.mappings.push_back({0x1000, 0x3000, "rw-p", 7, "[heap]", 8192, 4096, 4096, 0});
  maps.pass.resident.push_back({0x1000, 0x2000});
  maps.pass.arenas.push_back({0x100000, 64, 4096, 1});
  builder.maps.push_back(maps);
  builder.window = WindowFact{At(1), At(50)};
  ASSERT_TRUE(builder.Write());
  const auto session = Open();
  const model::Recording& recording = session->recording();
  ASSERT_EQ(recording.os_samples.size(), 1u);
  EXPECT_DOUBLE_EQ(recording.os_samples[0].time, 2);
  EXPECT_EQ(recording.os_samples[0].cgroup_current, 2000u);
  EXPECT_EQ(recording.os_samples[0].cgroup_limit, std::nullopt);
  ASSERT_EQ(recording.maps.size(), 1u);
  EXPECT_EQ(recording.maps[0].mappings[0].name, "[heap]");
  EXPECT_EQ(recording.maps[0].resident[0], (model::Range{0x1000, 0x2000}));
  EXPECT_EQ(recording.maps[0].arenas[0].blocks_in_use, 64u);
  EXPECT_DOUBLE_EQ(recording.watched_from, 1);
  EXPECT_DOUBLE_EQ(recording.watched_to.value_or(0), 50);
}

TEST_F(ReaderTest, ManyThreadsOverManyBlocksStayInOrder) {
  SessionBuilder builder(path_);
  constexpr std::uint32_t kThreads = 40;
  for (int round = 0; round < 50; ++round) {
    for (std::uint32_t thread = 0; thread < kThreads; ++thread) {
      if ((round + thread) % 3 == 0) continue;
      for (int i = 0; i < 5; ++i) {
        builder.Stream(0, thread).Free(At(round + i * 0.1) + thread, 0x1000);
      }
    }
    ASSERT_TRUE(builder.WriteBlock());
  }
  ASSERT_TRUE(builder.Write());

  class Order : public model::EventVisitor {
   public:
    void OnAcquire(const model::Acquire&) override {}
    void OnRelease(double time, model::ProcessId, model::ThreadId, std::uint64_t) override {
      EXPECT_LE(last, time);
      last = time;
      ++count;
    }
    void OnUnmap(double, model::ProcessId, model::ThreadId, std::uint64_t, std::uint64_t) override {
    }
    double last = 0;
    int count = 0;
  } order;
  const auto session = Open();
  ASSERT_TRUE(session->Replay(order));
  EXPECT_EQ(session->recording().damage, "");
  EXPECT_EQ(static_cast<std::uint64_t>(order.count), session->records());
}

TEST_F(ReaderTest, WhatIsNoSessionIsAnError) {
  EXPECT_FALSE(Session::Open(directory_ / "none.mwy"));
  EXPECT_FALSE(Session::Open("/dev/null"));
}

}  // namespace
}  // namespace memwhy::session
