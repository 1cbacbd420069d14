// SPDX-License-Identifier: Apache-2.0
#include "model/sites/process_source.h"

#include <gtest/gtest.h>

#include "model/sites/fake_source.h"
#include "model/sites/window_view.h"

namespace memwhy::model {
namespace {

constexpr Bytes kSourceKiB = 1024;

Bytes LiveIn(const EventSource& source, ProcessId process, double time) {
  const ProcessSource one(source, process);
  WindowOptions options;
  options.to = time;
  options.tail_from = time;
  return BuildWindowView(one, options)->live_at_to;
}

class ProcessSourceTest : public ::testing::Test {
 protected:
  ProcessSourceTest() {
    worker_ = source_.AddProcess(101, 100);
    worker_thread_ = source_.AddThread(worker_, 101, "MainThread");
    source_.mutable_recording().processes[worker_.value].started = 2;
  }

  FakeSource source_;
  ProcessId master_{0};
  ProcessId worker_;
  ThreadId worker_thread_;
};

TEST_F(ProcessSourceTest, AForkedWorkerHasWhatItInheritedAndItsOwn) {
  source_.Malloc(1, 0x1000, 4 * kSourceKiB);
  source_.Fork(2, worker_);
  source_.Malloc(3, 0x2000, 16 * kSourceKiB);  // of the master
  source_.As(worker_thread_).Malloc(4, 0x3000, 64 * kSourceKiB);
  source_.Free(5, 0x1000);
  EXPECT_EQ(LiveIn(source_, master_, 10), 20 * kSourceKiB);
  EXPECT_EQ(LiveIn(source_, worker_, 4.5), 68 * kSourceKiB);
  EXPECT_EQ(LiveIn(source_, worker_, 10), 64 * kSourceKiB);
}

TEST_F(ProcessSourceTest, AProcessThatExecutesAProgramInheritsNothing) {
  source_.Malloc(1, 0x1000, 4 * kSourceKiB);
  source_.As(worker_thread_).Malloc(4, 0x3000, 64 * kSourceKiB);
  source_.As(ThreadId{0}).Malloc(5, 0x2000, 16 * kSourceKiB);
  EXPECT_EQ(LiveIn(source_, worker_, 10), 64 * kSourceKiB);
  EXPECT_EQ(LiveIn(source_, master_, 10), 20 * kSourceKiB);
}

TEST_F(ProcessSourceTest, AGrandchildHasWhatBothLeftIt) {
  const ProcessId child = source_.AddProcess(102, 101);
  source_.mutable_recording().processes[child.value].started = 4;
  const ThreadId thread = source_.AddThread(child, 102, "MainThread");
  source_.Malloc(1, 0x1000, 4 * kSourceKiB);
  source_.Fork(2, worker_);
  source_.As(worker_thread_).Malloc(3, 0x2000, 16 * kSourceKiB);
  source_.Fork(4, child);
  source_.Malloc(5, 0x4000, 256 * kSourceKiB);
  source_.As(thread).Malloc(6, 0x3000, 64 * kSourceKiB);
  EXPECT_EQ(LiveIn(source_, child, 10), 84 * kSourceKiB);
}

TEST_F(ProcessSourceTest, TheSiblingsOfAProcessAreNotItsOwn) {
  const ProcessId sibling = source_.AddProcess(102, 100);
  source_.mutable_recording().processes[sibling.value].started = 2;
  const ThreadId thread = source_.AddThread(sibling, 102, "MainThread");
  source_.Fork(2, worker_);
  source_.Fork(2.5, sibling);
  source_.As(worker_thread_).Malloc(3, 0x2000, 16 * kSourceKiB);
  source_.As(thread).Malloc(4, 0x2000, 64 * kSourceKiB);
  source_.Free(5, 0x9000);
  EXPECT_EQ(LiveIn(source_, worker_, 10), 16 * kSourceKiB);
  EXPECT_EQ(LiveIn(source_, sibling, 10), 64 * kSourceKiB);
}

TEST_F(ProcessSourceTest, WhatAProcessHeldAtItsEndStays) {
  source_.Fork(2, worker_);
  source_.As(worker_thread_).Malloc(3, 0x2000, 16 * kSourceKiB);
  source_.End(5, worker_);
  EXPECT_EQ(LiveIn(source_, worker_, 10), 16 * kSourceKiB);
}

TEST_F(ProcessSourceTest, TheRecordingIsCutToTheProcess) {
  Recording& recording = source_.mutable_recording();
  recording.watched_to = 50;
  recording.processes[worker_.value].ended_at = 40;
  for (const ProcessId process : {master_, worker_}) {
    OsSample sample;
    sample.process = process;
    recording.os_samples.push_back(sample);
    recording.heap_dumps.push_back("dump." + std::to_string(process.value));
    recording.heap_dump_times.push_back(process.value);
    recording.heap_dump_pause_ms.push_back(1);
    recording.heap_dump_processes.push_back(process);
  }
  const ProcessSource one(source_, worker_);
  EXPECT_EQ(one.recording().subject, worker_);
  EXPECT_EQ(one.recording().os_samples.size(), 1u);
  ASSERT_EQ(one.recording().heap_dumps.size(), 1u);
  EXPECT_EQ(one.recording().heap_dumps[0], "dump.1");
  EXPECT_DOUBLE_EQ(one.recording().watched_from, 2);
  EXPECT_DOUBLE_EQ(*one.recording().watched_to, 40);
}

}  // namespace
}  // namespace memwhy::model
