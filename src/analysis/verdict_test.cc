// SPDX-License-Identifier: Apache-2.0
#include "analysis/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/fake_case.h"

namespace memwhy::analysis {
namespace {

using testing::HasSubstr;

constexpr Bytes kPerBin = 3 * FakeCase::kMiB;

const Check& CheckOf(const Verdict& verdict, const std::string& id) {
  return *std::find_if(verdict.checks.begin(), verdict.checks.end(),
                       [&](const Check& check) { return check.id == id; });
}

model::StackId EncoderStack(FakeCase& one, int line = 27) {
  return one.Stack({"/venv/lib/python3.11/site-packages/torch/nn/modules/linear.py:forward:114",
                    "/srv/model.py:ItemEncoder.forward:" + std::to_string(line),
                    "/srv/service.py:score:32", "/srv/app.py:score:44"});
}

TEST(VerdictTest, BlamesTheContainerThatKeepsWhatGrows) {
  FakeCase one;
  const model::StackId stack = EncoderStack(one);
  one.Leak(stack, kPerBin);
  one.Holds(stack, FakeCase::DictOf("store", "FEATURES", "torch.Tensor"));
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kGrowing);
  EXPECT_EQ(ExitCode(verdict), 1);
  ASSERT_EQ(verdict.findings.size(), 1u);
  const Finding& finding = verdict.findings[0];
  EXPECT_EQ(finding.id, "py.container_growth");
  EXPECT_EQ(finding.kind, Kind::kUnboundedContainer);
  EXPECT_EQ(finding.layer, Layer::kPython);
  EXPECT_EQ(finding.confidence, Confidence::kProven);
  EXPECT_EQ(finding.severity, Severity::kHigh);
  EXPECT_EQ(finding.what.type, "torch.Tensor");
  ASSERT_TRUE(finding.who_allocated);
  EXPECT_EQ(finding.who_allocated->callable, "model.ItemEncoder.forward");
  EXPECT_EQ(finding.who_allocated->line, 27);
  EXPECT_EQ(finding.who_allocated->stack.front().function, "forward");
  EXPECT_EQ(finding.who_holds->holder, "store.FEATURES");
  EXPECT_NEAR(*finding.growth_bytes_per_operation, 15.0 * kPerBin / 4000, 200);
  EXPECT_NEAR(*finding.share_of_growth, 1, 0.01);
  EXPECT_GE(finding.evidence.size(), 4u);
  EXPECT_THAT(finding.prediction, HasSubstr("in the next hour"));
  EXPECT_THAT(finding.next_step.command, HasSubstr("-- python serve.py"));
}

TEST(VerdictTest, OneBufferThatGrowsInPlaceIsBlamedOnItsOwner) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:Log.write:12", "/srv/app.py:handle:44"});
  one.Resizes(stack, kPerBin);
  HolderPath holder = FakeCase::DictOf("app", "LOG", "bytearray");
  holder.text = holder.holder_text;
  holder.path.pop_back();
  holder.holder_type = "bytearray";
  holder.holder_length.reset();
  one.HoldsResized(stack, holder, {{3 * FakeCase::kMiB, 9 * FakeCase::kMiB}});
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kGrowing);
  ASSERT_EQ(verdict.findings.size(), 1u);
  const Finding& finding = verdict.findings[0];
  EXPECT_EQ(finding.id, "py.container_growth");
  EXPECT_EQ(finding.confidence, Confidence::kProven);
  EXPECT_EQ(finding.who_holds->holder, "app.LOG");
  EXPECT_EQ(finding.who_allocated->line, 12);
  EXPECT_THAT(finding.title, HasSubstr("app.LOG (bytearray) only gets larger by app.Log.write"));
  EXPECT_THAT(finding.fix, HasSubstr("empty it"));
  EXPECT_TRUE(std::any_of(finding.evidence.begin(), finding.evidence.end(), [](const auto& each) {
    return each.says.find("3.00 MiB before, 9.00 MiB after") != std::string::npos;
  }));
}

TEST(VerdictTest, ABufferWhoseOwnerIsNotFoundIsStillGrowth) {
  FakeCase one;
  one.Resizes(one.Stack({"/srv/app.py:Log.write:12"}), kPerBin);
  const Finding finding = one.Judge().findings.at(0);
  EXPECT_EQ(finding.id, "site.unreleased_growth");
  EXPECT_EQ(finding.who_allocated->line, 12);
}

TEST(VerdictTest, ABufferThatReachesItsSizeBlamesNobody) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:Log.write:12"});
  model::StackGrowth& row = one.Resizes(stack, kPerBin);
  for (std::size_t i = 6; i < FakeCase::kBins; ++i) {
    one.view.floor[i] -= row.floor[i] - row.floor[5];
    one.view.rss_floor[i] -= row.floor[i] - row.floor[5];
    row.floor[i] = row.floor[5];
  }
  EXPECT_FALSE(HasBlame(one.Judge()));
}

TEST(VerdictTest, SeveralStacksBelowOneHolderAreOneFinding) {
  FakeCase one;
  const model::StackId data = EncoderStack(one);
  const model::StackId other = one.Stack({"/srv/store.py:put:21", "/srv/app.py:score:44"});
  one.Leak(data, kPerBin);
  one.Leak(other, kPerBin / 8);
  one.Holds(data, FakeCase::DictOf("store", "FEATURES", "torch.Tensor"));
  one.Holds(other, FakeCase::DictOf("store", "FEATURES", "str"));
  one.HoldsType("str", 400 * 1024, FakeCase::DictOf("store", "FEATURES", "str"));
  const Verdict verdict = one.Judge();
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].who_allocated->line, 27);
  EXPECT_EQ(verdict.findings[0].bytes_at_stake, 13 * (kPerBin + kPerBin / 8) + 400 * 1024);
}

TEST(VerdictTest, TwoHoldersAreTwoFindingsLargestFirst) {
  FakeCase one;
  const model::StackId small = one.Stack({"/srv/audit.py:note:7"});
  const model::StackId large = EncoderStack(one);
  one.Leak(small, kPerBin / 3);
  one.Leak(large, kPerBin);
  one.Holds(small, FakeCase::DictOf("audit", "LOG", "bytes"));
  one.Holds(large, FakeCase::DictOf("store", "FEATURES", "torch.Tensor"));
  const Verdict verdict = one.Judge();
  ASSERT_EQ(verdict.findings.size(), 2u);
  EXPECT_EQ(verdict.findings[0].who_holds->holder, "store.FEATURES");
  EXPECT_EQ(verdict.findings[1].who_holds->holder, "audit.LOG");
}

TEST(VerdictTest, AnAutogradGraphIsNamedAndTakesWhatGrowsInStep) {
  FakeCase one;
  const model::StackId tanh = EncoderStack(one);
  const model::StackId linear = EncoderStack(one, 26);
  const model::StackId unproven = one.Stack(
      {"/srv/model.py:Ranker.forward:40", "/srv/service.py:score:33", "/srv/app.py:score:44"});
  HolderPath holder = FakeCase::DictOf("confidence", "HISTORY._best", "torch.Tensor");
  holder.holder_type = "list";
  holder.through_graph = true;
  for (const model::StackId stack : {tanh, linear, unproven}) one.Leak(stack, kPerBin);
  one.Holds(tanh, holder);
  one.Holds(linear, holder);
  const Verdict verdict = one.Judge();
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].kind, Kind::kRetainedGraph);
  EXPECT_EQ(verdict.findings[0].id, "torch.graph_retained");
  EXPECT_EQ(verdict.findings[0].layer, Layer::kFramework);
  EXPECT_EQ(verdict.findings[0].bytes_at_stake, 3 * 13 * kPerBin);
  EXPECT_THAT(verdict.findings[0].fix, HasSubstr("detach"));
}

// One line makes objects that a container holds, and calls a library that keeps memory.
TEST(VerdictTest, AContainerIsNotBlamedForWhatALibraryKeeps) {
  FakeCase one;
  const model::StackId line = one.Stack({"/srv/model.py:load:40", "/srv/app.py:score:44"});
  const model::FrameId grow = one.stacks.InternFrame({.function = "grow",
                                                      .module = "libfast.so",
                                                      .file = "/srv/libfast.so",
                                                      .language = model::Language::kC});
  const model::StackId library = one.stacks.InternStack(line, grow);
  one.Leak(line, kPerBin / 3);
  one.Leak(library, kPerBin);
  one.Holds(line, FakeCase::DictOf("store", "KEPT", "bytearray"));
  const Verdict verdict = one.Judge();
  ASSERT_EQ(verdict.findings.size(), 2u);
  EXPECT_FALSE(verdict.findings[0].who_holds);
  EXPECT_EQ(verdict.findings[0].who_allocated->native_function, "grow");
  EXPECT_NE(verdict.findings[0].confidence, Confidence::kProven);
  EXPECT_EQ(verdict.findings[0].bytes_at_stake, 13 * kPerBin);
  EXPECT_EQ(verdict.findings[1].who_holds->holder, "store.KEPT");
  EXPECT_EQ(verdict.findings[1].bytes_at_stake, 13 * (kPerBin / 3));
}

TEST(VerdictTest, WithoutAHolderItSaysSoAndNamesTheSite) {
  FakeCase one;
  one.Leak(EncoderStack(one), kPerBin);
  const Verdict verdict = one.Judge(/*with_heap_dump=*/false);
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].kind, Kind::kUnreleasedGrowth);
  EXPECT_FALSE(verdict.findings[0].who_holds);
  EXPECT_NE(verdict.findings[0].confidence, Confidence::kProven);
  EXPECT_EQ(CheckOf(verdict, "py.container_growth").result, CheckResult::kCouldNot);
}

TEST(VerdictTest, OneTypeThatRisesInProportionIsSaidAsCorrelated) {
  for (const char* others : {"none", "another"}) {
    FakeCase one;
    const model::StackId stack = one.Stack({"/srv/app.py:read:31"});
    one.Leak(stack, kPerBin, 10);                                   // 130 survivors, born in 36 s
    one.HoldsType("h5py._hl.dataset.Dataset", 144 * 100, {}, 100);  // 144 in 40 s
    one.HoldsType("app.Request", 1000 * 100, {}, 100);
    if (std::string(others) == "another") one.HoldsType("app.Handle", 144 * 100, {}, 100);
    for (TypeGrowth& type : one.holders.types) {
      type.holder.reset();
      type.agreeing = 0;
    }
    const Finding finding = one.Judge().findings.at(0);
    const bool is_one = std::string(others) == "none";
    EXPECT_EQ(finding.id, is_one ? "correlated_holder" : "site.unreleased_growth");
    if (!is_one) continue;
    EXPECT_EQ(finding.what.type, "h5py._hl.dataset.Dataset");
    EXPECT_EQ(finding.confidence, Confidence::kWeak);
    EXPECT_FALSE(finding.who_holds);
    EXPECT_THAT(finding.title, HasSubstr("rises in proportion"));
  }
}

TEST(VerdictTest, GrowthBelowTheNoiseIsSaidAndBlamesNobody) {
  FakeCase one;
  one.view.rss_floor.assign(FakeCase::kBins, 300 * FakeCase::kMiB);
  one.Leak(one.Stack({"/srv/app.py:note:31"}), 12 * 1024, 10);
  one.view.rss_floor.assign(FakeCase::kBins, 300 * FakeCase::kMiB);
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kStable);
  EXPECT_EQ(ExitCode(verdict), 0);
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].id, "below_noise");
  EXPECT_EQ(verdict.findings[0].severity, Severity::kInfo);
  EXPECT_THAT(verdict.findings[0].title, HasSubstr("100 MiB in"));
}

TEST(VerdictTest, ACacheThatFillsBelowTheNoiseIsNotSaid) {
  FakeCase one;
  one.FillsUp(one.Stack({"/srv/app.py:note:31"}), 12 * 1024, 8);
  EXPECT_TRUE(one.Judge().findings.empty());
}

TEST(VerdictTest, UnprovenStacksOfOneRequestAreOneFinding) {
  FakeCase one;
  one.Leak(EncoderStack(one, 26), kPerBin);
  one.Leak(EncoderStack(one, 27), kPerBin);
  const Verdict verdict = one.Judge(false);
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].confidence, Confidence::kWeak);
}

TEST(VerdictTest, TooFewSurvivorsBelowOnePathProveNothing) {
  FakeCase one;
  const model::StackId stack = EncoderStack(one);
  one.Leak(stack, kPerBin);
  one.Holds(stack, FakeCase::DictOf("store", "FEATURES", "torch.Tensor"), 60);
  EXPECT_EQ(one.Judge().findings.at(0).kind, Kind::kUnreleasedGrowth);
}

TEST(VerdictTest, PooledObjectsAreBlamedOnTheirHolder) {
  FakeCase one;
  one.Arenas(one.Stack({"/srv/a.py:f:1"}), 2);
  one.Arenas(one.Stack({"/srv/b.py:g:1"}), 3);
  one.HoldsType("app.Session", 6 * 1024 * 1024, FakeCase::DictOf("app", "SESSIONS", "app.Session"));
  const Verdict verdict = one.Judge();
  // The other half of the arenas is said to be unexplained.
  ASSERT_EQ(verdict.findings.size(), 2u);
  EXPECT_EQ(verdict.findings[1].id, "unexplained");
  EXPECT_EQ(verdict.findings[1].severity, Severity::kInfo);
  EXPECT_EQ(verdict.findings[0].kind, Kind::kUnboundedContainer);
  EXPECT_EQ(verdict.findings[0].what.type, "app.Session");
  EXPECT_FALSE(verdict.findings[0].who_allocated);  // two functions asked for the arenas
  EXPECT_EQ(verdict.findings[0].bytes_layer, Layer::kInterpreter);
}

TEST(VerdictTest, ArenasOfOneFunctionNameTheFunction) {
  FakeCase one;
  one.Arenas(one.Stack({"/srv/a.py:make:4", "/srv/a.py:handle:9"}), 2);
  one.HoldsType("dict", 6 * 1024 * 1024, FakeCase::DictOf("a", "RECORDS", "dict"));
  const Verdict verdict = one.Judge();
  ASSERT_FALSE(verdict.findings.empty());
  EXPECT_EQ(verdict.findings[0].who_allocated->callable, "a.make");
}

TEST(VerdictTest, AChainIsOneHolderWithItsLength) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:activate:21"});
  one.Leak(stack, kPerBin);
  HolderPath holder = FakeCase::DictOf("app", "scopes", "app.Scope");
  holder.holder_type = "app.Scope";
  holder.holder_length.reset();
  holder.chain = ChainPath{".before", "app.Scope", 12345};
  one.Holds(stack, holder);
  const Finding finding = one.Judge().findings.at(0);
  EXPECT_EQ(finding.id, "py.chain");
  EXPECT_EQ(finding.who_holds->holder_length, 12345u);
  EXPECT_THAT(finding.title, HasSubstr("12,345 app.Scope"));
}

TEST(VerdictTest, TasksThatWaitAreCounted) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:handle:44"});
  one.Leak(stack, kPerBin);
  HolderPath holder = FakeCase::DictOf("anyio", "_states", "bytes");
  holder.text = "anyio._states[<weakref>]._coro -> Session.pump().self.body";
  holder.path = {"module anyio",       "._states", "[<weakref>]", "._coro",
                 " -> Session.pump()", ".self",    ".body"};
  holder.holder_text = "anyio._states";
  one.Holds(stack, holder);
  one.HoldsType("_asyncio.Task", 300 * 1000, holder);
  const Finding finding = one.Judge().findings.at(0);
  EXPECT_EQ(finding.id, "py.task_or_thread_pile");
  EXPECT_THAT(finding.title, HasSubstr("Session.pump()"));
  // One that waits and keeps a list of its own is no pile.
  one.holders.stacks[0].holder->holder_text =
      "anyio._states[<weakref>]._coro -> Session.pump().self";
  EXPECT_EQ(one.Judge().findings.at(0).id, "py.container_growth");
}

TEST(VerdictTest, CoroutinesThatAQueueHasForAWorkerArePendingWork) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:handle:44"});
  one.Leak(stack, kPerBin);
  HolderPath holder = FakeCase::DictOf("app", "JOBS", "bytes");
  holder.text = "app.JOBS._queue[7] -> send().event";
  holder.holder_text = "app.JOBS._queue";
  holder.holder_type = "collections.deque";
  holder.owner_type = "asyncio.queues.Queue";
  holder.element_type = "coroutine";
  one.Holds(stack, holder);
  one.HoldsType("coroutine", 300 * 1000, holder);
  EXPECT_EQ(one.Judge().findings.at(0).id, "pending_work");
  // Those that wait for a queue are a pile.
  one.holders.stacks[0].holder->holder_text = "app.JOBS._getters";
  one.holders.types[0].holder->holder_text = "app.JOBS._getters";
  EXPECT_EQ(one.Judge().findings.at(0).id, "py.task_or_thread_pile");
}

TEST(VerdictTest, ThreadsOfAClassOfTheirOwnAreAPile) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:handle:44"});
  one.Leak(stack, kPerBin);
  HolderPath holder = FakeCase::DictOf("threading", "_active", "bytes");
  holder.element_type = "app.Worker";
  one.Holds(stack, holder);
  one.HoldsType("app.Worker", 300 * 1000, holder);
  const Finding finding = one.Judge().findings.at(0);
  EXPECT_EQ(finding.id, "py.task_or_thread_pile");
  EXPECT_THAT(finding.title, HasSubstr("threads"));
  // The same class in a dict of the program's is what that dict keeps.
  one.holders.stacks[0].holder->holder_text = "app.WORKERS";
  one.holders.types.clear();
  EXPECT_EQ(one.Judge().findings.at(0).id, "py.container_growth");
}

TEST(VerdictTest, MetricsWithoutBoundAreCalledSo) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:handle:14"});
  one.Leak(stack, kPerBin);
  one.Holds(stack,
            FakeCase::DictOf("app", "LATENCY._metrics", "prometheus_client.metrics.Histogram"));
  const Finding finding = one.Judge().findings.at(0);
  EXPECT_EQ(finding.id, "py.metric_cardinality");
  EXPECT_THAT(finding.fix, HasSubstr("label"));
}

TEST(VerdictTest, WhatALibraryKeepsIsCuredAtTheCallersLine) {
  FakeCase one;
  const model::StackId stack =
      one.Stack({"/venv/lib/python3.11/site-packages/pool.py:put:7", "/srv/app.py:handle:14"});
  one.Leak(stack, kPerBin);
  one.Holds(stack, FakeCase::DictOf("pool", "_open", "pool.Handle"));
  const Finding finding = one.Judge().findings.at(0);
  EXPECT_THAT(finding.fix, HasSubstr("belongs to pool"));
  EXPECT_THAT(finding.fix, HasSubstr("app.handle (app.py:14)"));
}

TEST(VerdictTest, ATypeOfLargeObjectsIsNotCountedBesideItsStack) {
  FakeCase one;
  const model::StackId stack = EncoderStack(one);
  one.Leak(stack, kPerBin);
  one.Holds(stack, FakeCase::DictOf("store", "PAYLOADS", "bytes"));
  one.HoldsType("bytes", 4000 * 100000, FakeCase::DictOf("store", "PAYLOADS", "bytes"), 100000);
  EXPECT_EQ(one.Judge().findings.at(0).bytes_at_stake, 13 * kPerBin);
}

TEST(VerdictTest, SmallObjectsGrowWithoutASingleVisibleAllocation) {
  FakeCase one;
  one.view.stacks[0].allocations = 0;
  one.Arenas(one.Stack({"/srv/a.py:make:4"}), 1);
  one.HoldsType("dict", 1400 * 1024, FakeCase::DictOf("a", "RECORDS", "dict"));
  EXPECT_EQ(one.Judge().word, VerdictWord::kGrowing);
}

// 12 KiB a second: no arena is filled in the window.
TEST(VerdictTest, SlowGrowthOfSmallObjectsIsConfirmedByPagesAndLateBirths) {
  for (const char* missing : {"nothing", "pages", "births"}) {
    FakeCase one;
    HolderPath holder = FakeCase::DictOf("app", "VISITS", "app.Visit");
    one.HoldsType("app.Visit", 480 * 1024, holder, 48);
    TypeGrowth& type = one.holders.types[0];
    const double rate = static_cast<double>(type.after - type.before) / 40;
    type.late_rate = std::string(missing) == "births" ? 0.1 * rate : 0.9 * rate;
    for (std::size_t i = 0; i < FakeCase::kBins; ++i) {
      // 300 MiB of noise's share would be more than that grows by.
      one.view.rss_floor[i] = 30 * FakeCase::kMiB;
      if (std::string(missing) != "pages") one.view.rss_floor[i] += i * 40 * 1024;
    }
    const Verdict verdict = one.Judge();
    EXPECT_EQ(HasBlame(verdict), std::string(missing) == "nothing") << missing;
    if (!HasBlame(verdict)) continue;
    EXPECT_EQ(verdict.word, VerdictWord::kGrowing);
    EXPECT_EQ(verdict.findings[0].who_holds->holder, "app.VISITS");
  }
}

TEST(VerdictTest, PooledObjectsWithFlatArenasBlameNobody) {
  FakeCase one;
  one.HoldsType("app.Session", 6 * 1024 * 1024, FakeCase::DictOf("app", "SESSIONS", "app.Session"));
  const Verdict verdict = one.Judge();
  EXPECT_TRUE(verdict.findings.empty());
  EXPECT_EQ(ExitCode(verdict), 0);
}

TEST(VerdictTest, AHealthyServiceIsStable) {
  const Verdict verdict = FakeCase().Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kStable);
  EXPECT_TRUE(verdict.findings.empty());
  EXPECT_EQ(ExitCode(verdict), 0);
  EXPECT_GE(verdict.checks.size(), 10u);
}

TEST(VerdictTest, ABoundedCacheBlamesNobody) {
  FakeCase one;
  const model::StackId stack = EncoderStack(one);
  one.BoundedCache(stack, kPerBin);
  one.Holds(stack, FakeCase::DictOf("store", "RECENT", "torch.Tensor"));
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kStable);
  EXPECT_TRUE(verdict.findings.empty());
}

TEST(VerdictTest, ACacheThatFillsUpIsAPlateau) {
  FakeCase one;
  const model::StackId stack = EncoderStack(one);
  one.FillsUp(stack, kPerBin, 6);
  one.Holds(stack, FakeCase::DictOf("store", "RECENT", "torch.Tensor"));
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kPlateau);
  EXPECT_TRUE(verdict.findings.empty());
  EXPECT_EQ(ExitCode(verdict), 0);
}

CheckResult WarmUpOf(const Verdict& verdict, std::string* why) {
  for (const Check& check : verdict.checks) {
    if (check.id != "warmup.plateau") continue;
    *why = check.why;
    return check.result;
  }
  ADD_FAILURE() << "no such check";
  return CheckResult::kNotApplicable;
}

TEST(VerdictTest, APlateauSaysHowMuchOfItsCurveWasSeen) {
  FakeCase flat;
  flat.FillsUp(EncoderStack(flat), kPerBin, 6);
  std::string why;
  EXPECT_EQ(WarmUpOf(flat.Judge(), &why), CheckResult::kPass);
  EXPECT_THAT(why, HasSubstr("at least 20 time constants"));
  // Of growth, and of rest, there is no such curve.
  FakeCase grows;
  const model::StackId stack = EncoderStack(grows);
  grows.Leak(stack, kPerBin);
  grows.Holds(stack, FakeCase::DictOf("store", "FEATURES", "torch.Tensor"));
  EXPECT_EQ(WarmUpOf(grows.Judge(), &why), CheckResult::kNotApplicable);
  FakeCase rests;
  EXPECT_EQ(WarmUpOf(rests.Judge(), &why), CheckResult::kNotApplicable);
}

TEST(VerdictTest, ACacheFilledBeforeTheWindowIsAPlateau) {
  FakeCase one;
  for (model::OsSample& sample : one.recording.os_samples) {
    const double share = std::clamp((sample.time - 5) / 12, 0.0, 1.0);
    sample.rss = 276 * FakeCase::kMiB + static_cast<Bytes>(share * 24 * FakeCase::kMiB);
  }
  EXPECT_EQ(one.Judge().word, VerdictWord::kPlateau);
}

TEST(VerdictTest, RssThatRisesWhileUseIsFlatIsRetained) {
  FakeCase one;
  for (std::size_t i = 0; i < FakeCase::kBins; ++i) one.view.rss_floor[i] += i * kPerBin;
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kRetained);
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].kind, Kind::kAllocatorRetention);
  EXPECT_FALSE(verdict.findings[0].who_allocated);
}

TEST(VerdictTest, RssThatRisesAsMuchFreeMemoryDoesIsRetained) {
  FakeCase one;
  for (std::size_t i = 0; i < FakeCase::kBins; ++i) one.view.rss_floor[i] += i * kPerBin;
  one.KeepsFree(200 * FakeCase::kMiB, 200 * FakeCase::kMiB + FakeCase::kBins * kPerBin);
  EXPECT_EQ(one.Judge().word, VerdictWord::kRetained);
}

TEST(VerdictTest, LittleFreeMemoryIsSaidAndNotBlamed) {
  FakeCase one;
  for (std::size_t i = 0; i < FakeCase::kBins; ++i) one.view.rss_floor[i] += i * kPerBin;
  one.KeepsFree(8 * FakeCase::kMiB, 8 * FakeCase::kMiB + FakeCase::kBins * kPerBin);
  const Verdict verdict = one.Judge();
  EXPECT_TRUE(verdict.findings.empty());
  EXPECT_EQ(ExitCode(verdict), 0);
  EXPECT_THAT(verdict.summary, HasSubstr("Still, rss rises by"));
  EXPECT_THAT(CheckOf(verdict, "alloc.retention").why, HasSubstr("% of rss"));
}

TEST(VerdictTest, RssThatRisesAloneIsNoAllocatorsFault) {
  FakeCase one;
  for (std::size_t i = 0; i < FakeCase::kBins; ++i) one.view.rss_floor[i] += i * kPerBin;
  one.KeepsFree(20 * FakeCase::kMiB, 20 * FakeCase::kMiB);
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kInconclusive);
  EXPECT_TRUE(verdict.findings.empty());
  EXPECT_THAT(verdict.summary, HasSubstr("neither what the program uses"));
  EXPECT_EQ(CheckOf(verdict, "alloc.retention").result, CheckResult::kPass);
}

TEST(VerdictTest, AShortWindowIsInconclusiveAndSaysHowLongItShouldBe) {
  FakeCase one;
  one.Leak(EncoderStack(one), kPerBin);
  one.view.options = {2, 8, 7, 15, 4096};
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kInconclusive);
  EXPECT_EQ(ExitCode(verdict), 4);
  EXPECT_TRUE(verdict.findings.empty());
  ASSERT_TRUE(verdict.wanted_seconds);
  EXPECT_GE(*verdict.wanted_seconds, 60);
  EXPECT_THAT(verdict.summary, HasSubstr("memwhy diagnose --for 60"));
}

TEST(VerdictTest, FewOperationsAreInconclusive) {
  FakeCase one;
  one.view.operations_total = 12;
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kInconclusive);
  EXPECT_THAT(verdict.summary, HasSubstr("only 12 requests"));
}

TEST(VerdictTest, LostEventsLowerConfidence) {
  FakeCase one;
  const model::StackId stack = EncoderStack(one);
  one.Leak(stack, kPerBin);
  one.Holds(stack, FakeCase::DictOf("store", "FEATURES", "torch.Tensor"));
  one.recording.complete = false;
  one.recording.lost_events = 12;
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.findings.at(0).confidence, Confidence::kStrong);
  EXPECT_EQ(CheckOf(verdict, "capture.complete").result, CheckResult::kFail);
}

TEST(VerdictTest, TheLimitIsPredicted) {
  FakeCase one;
  const model::StackId stack = EncoderStack(one);
  one.Leak(stack, kPerBin);
  for (model::OsSample& sample : one.recording.os_samples) {
    sample.cgroup_limit = 1024 * FakeCase::kMiB;
    sample.cgroup_current = 400 * FakeCase::kMiB;
  }
  EXPECT_THAT(one.Judge().findings.at(0).prediction, HasSubstr("1.00 GiB is reached in"));
}

TEST(VerdictTest, GrowthThatDoesNotMatterBlamesNobody) {
  FakeCase one;
  one.Leak(EncoderStack(one), 8 * 1024);
  EXPECT_FALSE(HasBlame(one.Judge()));
}

}  // namespace
}  // namespace memwhy::analysis
