// SPDX-License-Identifier: Apache-2.0
#include "diagnose/session_diagnosis.h"

#include <gtest/gtest.h>

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
