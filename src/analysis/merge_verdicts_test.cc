// SPDX-License-Identifier: Apache-2.0
#include "analysis/merge_verdicts.h"

#include <gtest/gtest.h>

#include "analysis/process_role.h"
#include "analysis/verdict.h"

namespace memwhy::analysis {
namespace {

model::Recording MasterAndWorkers() {
  model::Recording recording;
  for (std::uint32_t i = 0; i < 3; ++i) {
    model::Process process;
    process.pid = 100 + i;
    if (i > 0) process.parent = 100;
    process.started = i;
    process.python = "3.11.2";
    process.command = i == 0 ? "python serve.py" : "python -c spawn_main(pipe=" + std::to_string(i);
    recording.processes.push_back(process);
  }
  return recording;
}

Verdict Of(std::uint32_t process, VerdictWord word, double rate = 0) {
  Verdict verdict;
  verdict.process = model::ProcessId{process};
  verdict.word = word;
  verdict.growth_rate = rate;
  verdict.summary = "Memory is as it is.";
  return verdict;
}

Verdict Idle(std::uint32_t process) {
  Verdict verdict = Of(process, VerdictWord::kInconclusive);
  verdict.missing = "the process did next to nothing";
  return verdict;
}

Finding Container(const std::string& holder, double rate, std::uint32_t pid) {
  Finding finding;
  finding.id = "py.container_growth";
  finding.kind = Kind::kUnboundedContainer;
  finding.severity = Severity::kHigh;
  finding.who_allocated = WhoAllocated{"app", "app.handle", "", "", "app.py", 7, {}, false};
  if (!holder.empty()) {
    finding.who_holds.emplace();
    finding.who_holds->holder = holder;
  } else {
    finding.id = "site.unreleased_growth";
    finding.kind = Kind::kUnreleasedGrowth;
  }
  finding.growth_bytes_per_second = rate;
  finding.share_of_growth = 1;
  finding.bytes_at_stake = static_cast<Bytes>(rate * 10);
  finding.title = holder + " keeps it: +60.0 MiB per minute";
  finding.processes = {{pid, rate, finding.bytes_at_stake}};
  return finding;
}

constexpr double kMebi = 1024 * 1024;

Verdict Growing(std::uint32_t process, const std::string& holder, double rate) {
  Verdict verdict = Of(process, VerdictWord::kGrowing, rate);
  verdict.findings.push_back(Container(holder, rate, 100 + process));
  return verdict;
}

TEST(MergeVerdictsTest, OneCauseInTwoWorkersIsOneFindingWithTheSum) {
  const Verdict verdict =
      MergeVerdicts(MasterAndWorkers(),
                    {Idle(0), Growing(1, "app.CACHE", kMebi), Growing(2, "app.CACHE", kMebi / 2)});
  EXPECT_EQ(verdict.word, VerdictWord::kGrowing);
  ASSERT_EQ(verdict.findings.size(), 1u);
  const Finding& finding = verdict.findings[0];
  EXPECT_DOUBLE_EQ(finding.growth_bytes_per_second, 1.5 * kMebi);
  ASSERT_EQ(finding.processes.size(), 2u);
  EXPECT_EQ(finding.processes[0].pid, 101u);
  EXPECT_NE(finding.title.find("+90.0 MiB per minute"), std::string::npos) << finding.title;
  EXPECT_DOUBLE_EQ(*finding.share_of_growth, 1);
  EXPECT_NE(verdict.summary.find("2 processes grow"), std::string::npos) << verdict.summary;
}

TEST(MergeVerdictsTest, TheProcessThatGrowsIsNamedNotTheIdleMaster) {
  const Verdict verdict = MergeVerdicts(
      MasterAndWorkers(), {Idle(0), Of(1, VerdictWord::kStable), Growing(2, "app.CACHE", kMebi)});
  EXPECT_EQ(verdict.process, model::ProcessId{2});
  EXPECT_EQ(verdict.summary.find("PID 102 (worker 2 of 2, started by PID 100) grows by"), 0u)
      << verdict.summary;
  EXPECT_TRUE(HasBlame(verdict));
}

TEST(MergeVerdictsTest, TwoCausesStayTwoFindings) {
  const Verdict verdict =
      MergeVerdicts(MasterAndWorkers(),
                    {Idle(0), Growing(1, "app.CACHE", kMebi), Growing(2, "app.OTHER", 2 * kMebi)});
  ASSERT_EQ(verdict.findings.size(), 2u);
  EXPECT_EQ(verdict.findings[0].who_holds->holder, "app.OTHER");
}

TEST(MergeVerdictsTest, AWorkerWhoseHeapWasNotLookedAtJoinsByItsLine) {
  const Verdict verdict = MergeVerdicts(
      MasterAndWorkers(), {Idle(0), Growing(1, "", 2 * kMebi), Growing(2, "app.CACHE", kMebi)});
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].id, "py.container_growth");
  EXPECT_EQ(verdict.findings[0].processes.size(), 2u);
  EXPECT_NE(verdict.findings[0].evidence.back().says.find("not proven"), std::string::npos);
}

TEST(MergeVerdictsTest, AnIdleProcessDecidesNothing) {
  EXPECT_EQ(MergeVerdicts(MasterAndWorkers(), {Idle(0), Of(1, VerdictWord::kStable)}).word,
            VerdictWord::kStable);
  EXPECT_EQ(MergeVerdicts(MasterAndWorkers(), {Idle(0), Idle(1)}).word, VerdictWord::kInconclusive);
}

TEST(MergeVerdictsTest, DoubtOfOneProcessIsNotCalmOfAll) {
  EXPECT_EQ(MergeVerdicts(MasterAndWorkers(),
                          {Of(0, VerdictWord::kStable), Of(1, VerdictWord::kInconclusive)})
                .word,
            VerdictWord::kInconclusive);
}

TEST(RoleOfTest, WorkersAreCountedAsTheyStarted) {
  const model::Recording recording = MasterAndWorkers();
  EXPECT_EQ(RoleOf(recording, model::ProcessId{0}), "first process");
  EXPECT_EQ(RoleOf(recording, model::ProcessId{1}), "worker 1 of 2, started by PID 100");
  EXPECT_EQ(NameOfProcess(recording, model::ProcessId{2}),
            "PID 102 (worker 2 of 2, started by PID 100)");
}

}  // namespace
}  // namespace memwhy::analysis
