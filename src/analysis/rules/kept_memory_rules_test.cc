// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/fake_case.h"

namespace memwhy::analysis {
namespace {

using testing::HasSubstr;

// A calm process of 300 MiB whose heaps were looked at when the window ended.
class KeptCase : public FakeCase {
 public:
  KeptCase() {
    KeepsFree(10 * kMiB, 120 * kMiB);
    ends.start.pass = ends.end.pass = &pass;
    ends.end.malloc.emplace();
  }
  model::MallocHeap& Heap(Bytes free, Bytes trimmable) {
    model::MallocView& malloc = *ends.end.malloc;
    model::MallocHeap heap;
    heap.is_main = malloc.heaps.empty();
    heap.resident = free + 20 * kMiB;
    heap.free = free;
    heap.trimmable = trimmable;
    malloc.resident += heap.resident;
    malloc.free += free;
    malloc.trimmable += trimmable;
    malloc.heaps.push_back(heap);
    return malloc.heaps.back();
  }
  void Arenas(Bytes in_use, Bytes free) {
    model::Ledger& end = ledgers.back();
    end.shares = {
        {"python", "pymalloc in use", in_use, 0, model::ShareKind::kPymallocInUse},
        {"interpreter", "pymalloc free in arenas", free, 0, model::ShareKind::kPymallocFree}};
    recording.processes[0].arena_bytes = kMiB;
    const Bytes count = (in_use + free) / kMiB;
    for (Bytes i = 0; i < count; ++i) pass.arenas.push_back({i, in_use / count, in_use / count, 0});
  }
  Verdict Judge() const { return Conclude(recording, stacks, view, ledgers, &holders, &ends); }

  model::MapsPass pass;
  model::WindowEnds ends;
};

std::vector<std::string> Ids(const Verdict& verdict) {
  std::vector<std::string> ids;
  for (const Finding& finding : verdict.findings) ids.push_back(finding.id);
  return ids;
}

double ValueOf(const Finding& finding, const std::string& part) {
  for (const Evidence& each : finding.evidence) {
    if (each.says.find(part) != std::string::npos) return each.value;
  }
  return -1;
}

TEST(KeptMemoryRules, FreeChunksBetweenLiveOnesAreGlibcs) {
  KeptCase one;
  one.Heap(110 * FakeCase::kMiB, 90 * FakeCase::kMiB);
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kRetained);
  ASSERT_EQ(Ids(verdict), std::vector<std::string>{"glibc.retained"});
  EXPECT_EQ(verdict.findings[0].bytes_at_stake, 110 * FakeCase::kMiB);
  EXPECT_EQ(ValueOf(verdict.findings[0], "malloc_trim(0) gives back"), 90.0 * FakeCase::kMiB);
  EXPECT_THAT(verdict.findings[0].prediction, HasSubstr("about 90.0 MiB now"));
  EXPECT_EQ(ExitCode(verdict), 0);
}

TEST(KeptMemoryRules, LittleThatIsFreeIsNoFinding) {
  KeptCase one;
  one.ledgers.clear();
  one.KeepsFree(10 * FakeCase::kMiB, 20 * FakeCase::kMiB);
  one.Heap(20 * FakeCase::kMiB, 15 * FakeCase::kMiB);
  EXPECT_TRUE(Ids(one.Judge()).empty());
}

TEST(KeptMemoryRules, HeapsOfManyThreadsAreASpread) {
  KeptCase one;
  one.Heap(5 * FakeCase::kMiB, 5 * FakeCase::kMiB);
  for (int i = 0; i < 4; ++i)
    one.Heap(25 * FakeCase::kMiB, 20 * FakeCase::kMiB).top = 3 * FakeCase::kMiB;
  const Verdict verdict = one.Judge();
  ASSERT_EQ(Ids(verdict), std::vector<std::string>{"glibc.arena_spread"});
  EXPECT_THAT(verdict.findings[0].title, HasSubstr("100 MiB"));
  EXPECT_THAT(verdict.findings[0].fix, HasSubstr("MALLOC_ARENA_MAX=2"));
}

TEST(KeptMemoryRules, OneThreadsHeapIsNoSpread) {
  KeptCase one;
  one.Heap(5 * FakeCase::kMiB, 5 * FakeCase::kMiB);
  one.Heap(100 * FakeCase::kMiB, 90 * FakeCase::kMiB);
  EXPECT_EQ(Ids(one.Judge()), std::vector<std::string>{"glibc.retained"});
}

TEST(KeptMemoryRules, ABlockAtTheEndOfAHeapIsNamedWithItsStack) {
  KeptCase one;
  model::MallocHeap& heap = one.Heap(110 * FakeCase::kMiB, 108 * FakeCase::kMiB);
  heap.largest_gap = 100 * FakeCase::kMiB;
  heap.blocks_above = 1;
  heap.bytes_above = 1040;
  heap.highest = model::LiveBlock{
      0x7010, 1000, one.Stack({"/srv/app.py:remember:7"}), wire::Allocator::kMalloc, {}, 12.5};
  const Verdict verdict = one.Judge();
  ASSERT_EQ(Ids(verdict), std::vector<std::string>{"glibc.pinned_top"});
  const Finding& finding = verdict.findings[0];
  EXPECT_EQ(finding.kind, Kind::kFragmentation);
  ASSERT_TRUE(finding.who_allocated);
  EXPECT_EQ(finding.who_allocated->line, 7);
  EXPECT_THAT(finding.title, HasSubstr("100 MiB"));
  EXPECT_EQ(verdict.word, VerdictWord::kRetained);
}

TEST(KeptMemoryRules, ManyBytesAboveTheRunAreNoPin) {
  KeptCase one;
  model::MallocHeap& heap = one.Heap(110 * FakeCase::kMiB, 108 * FakeCase::kMiB);
  heap.largest_gap = 100 * FakeCase::kMiB;
  heap.blocks_above = 100;
  heap.bytes_above = 15 * FakeCase::kMiB;
  heap.highest = model::LiveBlock{};
  EXPECT_EQ(Ids(one.Judge()), std::vector<std::string>{"glibc.retained"});
}

TEST(KeptMemoryRules, ArenasThatFewObjectsKeepAreFragmented) {
  KeptCase one;
  one.Arenas(4 * FakeCase::kMiB, 96 * FakeCase::kMiB);
  const Verdict verdict = one.Judge();
  ASSERT_EQ(Ids(verdict), std::vector<std::string>{"pymalloc.fragmented"});
  EXPECT_EQ(verdict.findings[0].layer, Layer::kInterpreter);
  EXPECT_THAT(verdict.findings[0].evidence.back().says, HasSubstr("100 of 100 arenas"));
  EXPECT_THAT(verdict.findings[0].prediction, HasSubstr("gives back nothing"));
}

TEST(KeptMemoryRules, FullArenasAreNotFragmented) {
  KeptCase one;
  one.Arenas(90 * FakeCase::kMiB, 30 * FakeCase::kMiB);
  EXPECT_TRUE(Ids(one.Judge()).empty());
}

TEST(KeptMemoryRules, WhileWhatIsInUseGrowsNothingIsSaidOfWhatIsKept) {
  KeptCase one;
  one.Heap(110 * FakeCase::kMiB, 90 * FakeCase::kMiB);
  one.Leak(one.Stack({"/srv/app.py:put:3"}), 3 * FakeCase::kMiB);
  for (const std::string& id : Ids(one.Judge())) EXPECT_EQ(id.find("glibc."), std::string::npos);
}

TEST(KeptMemoryRules, AProcessThatRestsKeepsWhatItsWorkTook) {
  KeptCase one;
  one.Heap(110 * FakeCase::kMiB, 90 * FakeCase::kMiB);
  one.view.stacks.clear();
  one.view.operations_total = 0;
  one.view.operations_name.clear();
  EXPECT_EQ(one.Judge().word, VerdictWord::kRetained);
}

}  // namespace
}  // namespace memwhy::analysis
