// SPDX-License-Identifier: Apache-2.0
#include "diagnose/process_growth.h"

#include <gtest/gtest.h>

namespace memwhy::diagnose {
namespace {

constexpr Bytes kMiB = 1024 * 1024;

std::vector<std::uint32_t> Chosen(const ProcessGrowth& growth, double since, std::size_t max) {
  std::vector<std::uint32_t> chosen;
  for (const auto& process : growth.Growing(since, max)) chosen.push_back(process.process);
  return chosen;
}

TEST(ProcessGrowthTest, TheWorkerThatGrowsIsChosenNotTheMaster) {
  ProcessGrowth growth;
  for (int i = 0; i < 10; ++i) {
    growth.Note(i, std::vector<recorder::RecordedProcess>{
                       {0, 100, 90 * kMiB}, {1, 101, 50 * kMiB}, {2, 102, (50u + i) * kMiB}});
  }
  EXPECT_EQ(Chosen(growth, 5, 4), (std::vector<std::uint32_t>{2}));
  EXPECT_EQ(growth.CountGrowing(5), 1u);
}

TEST(ProcessGrowthTest, OfManyThoseThatGrowMost) {
  ProcessGrowth growth;
  for (int i = 0; i < 10; ++i) {
    std::vector<recorder::RecordedProcess> processes;
    for (std::uint32_t p = 0; p < 6; ++p) {
      processes.push_back({p, static_cast<pid_t>(100 + p), (50u + p * i) * kMiB});
    }
    growth.Note(i, processes);
  }
  EXPECT_EQ(Chosen(growth, 0, 3), (std::vector<std::uint32_t>{5, 4, 3}));
  EXPECT_EQ(growth.CountGrowing(0), 5u);
}

TEST(ProcessGrowthTest, WhatGrewBeforeIsNotGrowing) {
  ProcessGrowth growth;
  for (int i = 0; i < 10; ++i) {
    const Bytes rss = (50u + std::min(i, 4)) * kMiB;
    growth.Note(i, std::vector<recorder::RecordedProcess>{{0, 100, 90 * kMiB}, {1, 101, rss}});
  }
  EXPECT_EQ(Chosen(growth, 5, 4), (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(growth.CountGrowing(5), 0u);
}

TEST(ProcessGrowthTest, AProcessThatHasGoneIsNotChosen) {
  ProcessGrowth growth;
  for (int i = 0; i < 10; ++i) {
    growth.Note(
        i, std::vector<recorder::RecordedProcess>{{0, 100, 90 * kMiB}, {1, 101, (50u + i) * kMiB}});
  }
  growth.Note(10, std::vector<recorder::RecordedProcess>{{0, 100, 90 * kMiB}});
  EXPECT_EQ(Chosen(growth, 0, 4), (std::vector<std::uint32_t>{0}));
}

}  // namespace
}  // namespace memwhy::diagnose
