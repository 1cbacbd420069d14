// SPDX-License-Identifier: Apache-2.0
#include "diagnose/session_diagnosis.h"

#include <gtest/gtest.h>

#include "model/sites/fake_source.h"

namespace memwhy::diagnose {
namespace {

model::Recording Ended(const std::string& how) {
  model::Recording recording;
  recording.seconds = 60;
  recording.processes.push_back({});
  recording.processes[0].python = "3.11.2";
  recording.processes[0].ended = how;
  recording.processes[0].ended_at = 60;
  for (int i = 0; i < 600; ++i) {
    model::OsSample sample;
    sample.time = i / 10.0;
    sample.rss = 100 * 1024 * 1024;
    recording.os_samples.push_back(sample);
  }
  return recording;
}

TEST(ChooseWindowTest, CutsOffTheWarmUpThird) {
  model::Recording recording = Ended("signal:15");
  recording.watched_from = 3;
  recording.watched_to = 48;
  const model::WindowOptions window = ChooseWindow(recording, {});
  EXPECT_DOUBLE_EQ(window.from, 18);
  EXPECT_DOUBLE_EQ(window.to, 48);
  EXPECT_DOUBLE_EQ(window.tail_from, 45);
}

TEST(ChooseWindowTest, EndsWithTheLastOperationOfAProcessThatEnded) {
  model::Recording recording = Ended("exit:0");
  recording.marks.push_back({57.5, {}, "request", 1});
  EXPECT_DOUBLE_EQ(ChooseWindow(recording, {}).to, 57.5);
}

TEST(ChooseWindowTest, EndsBeforeTheInterpreterTakesEverythingDown) {
  model::Recording recording = Ended("exit:0");
  EXPECT_DOUBLE_EQ(ChooseWindow(recording, {}).to, 59);
  for (model::OsSample& sample : recording.os_samples) {
    if (sample.time > 56.05) sample.rss = 40 * 1024 * 1024;
  }
  EXPECT_DOUBLE_EQ(ChooseWindow(recording, {}).to, 56);
}

TEST(ChooseWindowTest, AKilledProcessIsLookedAtToItsEnd) {
  EXPECT_DOUBLE_EQ(ChooseWindow(Ended("oom"), {}).to, 60);
  EXPECT_DOUBLE_EQ(ChooseWindow(Ended("signal:9"), {}).to, 60);
}

TEST(ChooseWindowTest, TheUserHasTheLastWord) {
  const model::WindowOptions window = ChooseWindow(Ended("exit:0"), {10, 60});
  EXPECT_DOUBLE_EQ(window.from, 10);
  EXPECT_DOUBLE_EQ(window.to, 60);
}

// A master that is busy and calm, and workers each of which lives for `seconds`, one after another.
model::FakeSource MasterWithWorkers(int workers, double seconds) {
  model::FakeSource source;
  for (int i = 0; i < 600; ++i) {
    const double time = i / 10.0;
    source.Malloc(time, 0x1000, 64);
    source.Free(time + 0.01, 0x1000);
  }
  for (int i = 0; i < workers; ++i) {
    const model::ProcessId worker = source.AddProcess(101 + i, 100);
    source.mutable_recording().processes[worker.value].started = 15 + i * seconds;
    source.End(15 + (i + 1) * seconds, worker);
  }
  return source;
}

TEST(DiagnoseSessionTest, NothingCalmIsSaidOfWorkersThatNobodyCouldJudge) {
  const auto diagnosis = DiagnoseSession(MasterWithWorkers(4, 10), {});
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->verdict.word, analysis::VerdictWord::kInconclusive);
  ASSERT_EQ(diagnosis->verdict.processes.size(), 5u);
  EXPECT_EQ(diagnosis->verdict.processes[0].pid, 100u);
  EXPECT_FALSE(diagnosis->verdict.processes[1].word);
  EXPECT_NE(diagnosis->verdict.processes[1].why, "");
}

TEST(DiagnoseSessionTest, HelpersThatAreThereForAMomentDecideNothing) {
  const auto diagnosis = DiagnoseSession(MasterWithWorkers(20, 1), {});
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->verdict.word, analysis::VerdictWord::kStable);
}

TEST(WhyNothingRecordedTest, GivesTheReasonOfTheProcess) {
  model::Recording recording;
  EXPECT_NE(WhyNothingRecorded(recording), "");
  recording.processes.push_back({});
  recording.processes[0].note = "CPython 3.15 is not known";
  EXPECT_EQ(WhyNothingRecorded(recording), "CPython 3.15 is not known");
  recording.processes.push_back({});
  EXPECT_EQ(WhyNothingRecorded(recording), "");
}

}  // namespace
}  // namespace memwhy::diagnose
