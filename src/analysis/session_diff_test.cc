// SPDX-License-Identifier: Apache-2.0
#include "analysis/session_diff.h"

#include <gtest/gtest.h>

#include "model/sites/fake_source.h"

namespace memwhy::analysis {
namespace {

using model::Amount;
using model::FakeSource;
using model::Frame;
using model::Language;
using model::SiteAmount;
using model::StackId;

SiteAmount Site(StackId stack, Bytes bytes, model::ThreadId thread = {},
                wire::Allocator allocator = wire::Allocator::kMalloc) {
  return {{model::ProcessId{0}, thread, allocator, stack}, {bytes, 1}, {}};
}

class SessionDiffTest : public testing::Test {
 protected:
  StackId Put(FakeSource& source, int line, const char* module = "app") {
    return source.Stack(std::vector<Frame>{{"put", module, "/srv/app.py", line, Language::kPython},
                                           {"main", "", "/srv/app.py", 90, Language::kPython}});
  }
  SessionDiff Diff() {
    return DiffSessions({before_.recording(), before_.stacks(), before_sites_, 0, before_seconds_},
                        {after_.recording(), after_.stacks(), after_sites_, 0, 60});
  }
  std::vector<std::string> Kinds() {
    std::vector<std::string> kinds;
    for (const DiffWarning& warning : Diff().warnings) kinds.push_back(warning.kind);
    return kinds;
  }

  FakeSource before_;
  FakeSource after_;
  std::vector<SiteAmount> before_sites_;
  std::vector<SiteAmount> after_sites_;
  double before_seconds_ = 60;
};

TEST_F(SessionDiffTest, LinesMayMove) {
  before_.Stack({"other", "ids", "differ"});
  before_sites_ = {Site(Put(before_, 10), 100)};
  after_sites_ = {Site(Put(after_, 13), 130)};
  const SessionDiff diff = Diff();
  const auto groups = model::GroupSites(diff.stacks, diff.sites, model::GroupBy::kStack);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].baseline, (Amount{100, 1}));
  EXPECT_EQ(groups[0].value, (Amount{130, 1}));
  EXPECT_EQ(diff.stacks.leaf(groups[0].key.stack).line, 13);
  EXPECT_TRUE(diff.warnings.empty());
}

TEST_F(SessionDiffTest, SeveralLinesOfAFunctionComeTogetherWithoutALine) {
  before_sites_ = {Site(Put(before_, 10), 100)};
  after_sites_ = {Site(Put(after_, 13), 1), Site(Put(after_, 14), 2)};
  const SessionDiff diff = Diff();
  const auto groups = model::GroupSites(diff.stacks, diff.sites, model::GroupBy::kStack);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].value, (Amount{3, 2}));
  EXPECT_EQ(diff.stacks.leaf(groups[0].key.stack).line, 0);
}

TEST_F(SessionDiffTest, AModuleNotYetKnownIsNoOtherFrame) {
  before_sites_ = {Site(Put(before_, 10, ""), 100)};
  after_sites_ = {Site(Put(after_, 10, "app"), 100)};
  const SessionDiff diff = Diff();
  EXPECT_EQ(model::GroupSites(diff.stacks, diff.sites, model::GroupBy::kStack).size(), 1u);
  EXPECT_EQ(diff.stacks.leaf(diff.sites[0].key.stack).module, "app");
}

TEST_F(SessionDiffTest, AnotherFunctionAnotherFileAndAnotherModuleOfStringsAreOthers) {
  const auto stack = [](FakeSource& source, const char* function, const char* module,
                        const char* file) {
    return source.Stack(std::vector<Frame>{{function, module, file, 1, Language::kPython}});
  };
  before_sites_ = {Site(stack(before_, "f", "m", "/a.py"), 1),
                   Site(stack(before_, "f", "m", "<string>"), 2)};
  after_sites_ = {Site(stack(after_, "g", "m", "/a.py"), 4),
                  Site(stack(after_, "f", "m", "/b.py"), 8),
                  Site(stack(after_, "f", "n", "<string>"), 16)};
  const SessionDiff diff = Diff();
  EXPECT_EQ(model::GroupSites(diff.stacks, diff.sites, model::GroupBy::kStack).size(), 5u);
}

TEST_F(SessionDiffTest, NothingIsLost) {
  before_sites_ = {Site(Put(before_, 10), 100), Site(model::kNoPython, 7),
                   Site(before_.Stack({"deep"}, model::kTruncatedRoot), 3)};
  after_sites_ = {Site(model::kUnknownStack, 5), Site(model::kNoPython, 9)};
  const SessionDiff diff = Diff();
  const model::CallTree tree = model::BuildCallTree(diff.stacks, model::SumByStack(diff.sites));
  EXPECT_EQ(tree.nodes[0].baseline, (Amount{110, 3}));
  EXPECT_EQ(tree.nodes[0].value, (Amount{14, 2}));
}

TEST_F(SessionDiffTest, ThreadsMatchByName) {
  const auto before = before_.AddThread(model::ProcessId{0}, 7, "worker");
  after_.AddThread(model::ProcessId{0}, 8, "another");
  const auto after = after_.AddThread(model::ProcessId{0}, 9, "worker");
  before_sites_ = {Site(Put(before_, 1), 1, before)};
  after_sites_ = {Site(Put(after_, 1), 2, after)};
  const SessionDiff diff = Diff();
  ASSERT_EQ(diff.threads.size(), 1u);
  EXPECT_EQ(diff.threads[0].name, "worker");
}

TEST_F(SessionDiffTest, SaysWhatCannotBeCompared) {
  EXPECT_TRUE(Kinds().empty());
  before_seconds_ = 49;
  EXPECT_TRUE(Kinds().empty()) << "within 20 %";
  before_seconds_ = 47;
  before_.mutable_recording().processes[0].python = "3.12.1";
  before_.mutable_recording().mode = "attach";
  after_.mutable_recording().lost_events = 3;
  after_.mutable_recording().damage = "cut";
  after_sites_ = {Site(model::kNoPython, 1, {}, wire::Allocator::kPymemObj)};
  EXPECT_EQ(Kinds(), (std::vector<std::string>{"duration", "python", "mode", "objects",
                                               "lost_events", "damage"}));
}

}  // namespace
}  // namespace memwhy::analysis
