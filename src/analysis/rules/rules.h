// SPDX-License-Identifier: Apache-2.0
//
// A file for each family of rules; suspect_rule.cc gives each suspect to exactly one. A rule looks
// at a case and answers with a check, whatever it saw, and with findings when it can prove one.
// Silence is a valid answer. Deterministic, pure.
#pragma once

#include <string>
#include <vector>

#include "analysis/case.h"
#include "analysis/finding.h"

namespace memwhy::analysis {

struct RuleOutcome {
  Check check;
  std::vector<Finding> findings;
};

// A container that the application keeps, and that keeps what it makes.
RuleOutcome CheckContainerGrowth(const Case& one);
// Tensors whose autograd graph stays alive with them.
RuleOutcome CheckRetainedGraph(const Case& one);
// Functions of TensorFlow: traces, registries, models that are loaded or made again and again.
RuleOutcome CheckTensorFlow(const Case& one);
// Objects that nobody has and whose reference count says otherwise: C code took one too many.
RuleOutcome CheckLeakedReferences(const Case& one);
// Objects that hold each other: until the collector comes, or for good.
RuleOutcome CheckGarbageCycles(const Case& one);
// Objects each of which holds the one before.
RuleOutcome CheckChains(const Case& one);
// Tasks, coroutines, threads that wait and do not end, with what they hold.
RuleOutcome CheckTaskPiles(const Case& one);
bool IsTaskPile(const Case& one, const Suspect& suspect);
// A stack that grows and whose holder could not be proven, or is no container.
RuleOutcome CheckUnreleasedGrowth(const Case& one);
// pymalloc arenas that grow while no holder is proven.
RuleOutcome CheckPooledGrowth(const Case& one);
// In use is flat, rss rises or an allocator keeps much free memory, and no heap was looked at.
RuleOutcome CheckAllocatorRetention(const Case& one);
// The same with the heaps of glibc in view, by what keeps them: free chunks between live ones,
// an arena for each thread, a block at the end of a heap. At most one of the four speaks.
RuleOutcome CheckGlibcRetained(const Case& one);
RuleOutcome CheckGlibcArenaSpread(const Case& one);
RuleOutcome CheckGlibcPinnedTop(const Case& one);
// Arenas of pymalloc that few objects keep.
RuleOutcome CheckPymallocFragmented(const Case& one);

// Objects of the operating system that become more: threads, descriptors and mappings.
RuleOutcome CheckRunawayThreads(const Case& one);
RuleOutcome CheckLeakedDescriptors(const Case& one);
// What of a cgroup's charge is in no process's rss, and what of it is no leak.
RuleOutcome CheckCgroupShm(const Case& one);
RuleOutcome CheckCgroupKernel(const Case& one);
RuleOutcome CheckCgroupPageCache(const Case& one);
// Memory shared with the parent that becomes private.
RuleOutcome CheckCopiedOnWrite(const Case& one);
// Who was killed, and whether for lack of memory. Blames nobody: what grew has findings of its own.
RuleOutcome CheckKilled(const Case& one);

// Steady growth that is too slow for rss to show; blames nobody.
RuleOutcome CheckBelowNoise(const Case& one);

// Whether a plateau is the end of a warm-up: no finding, but how much of its curve was seen.
Check CheckWarmUpPlateau(const Case& one, VerdictWord word);

// Growth that no finding explains, and where it lies. Looks at what the other rules have found.
RuleOutcome CheckUnexplained(const Case& one, const std::vector<Finding>& findings);

// Which of the rules above a suspect belongs to; each belongs to exactly one.
enum class SuspectRule : unsigned char {
  kContainer,
  kGraph,
  kLostReference,
  kCycle,
  kChain,
  kTaskPile,
  kTensorFlow,
  kUnreleased
};
SuspectRule RuleOf(const Case& one, const Suspect& suspect);

// What a rule of suspects answers: a finding for each suspect of `rule`, and a check `id`, which
// the first finding fails. Without findings it says `passed`, or, of a rule that `needs_graph`,
// that there is no heap graph.
struct SuspectCheck {
  SuspectRule rule{};
  const char* id = "";
  const char* passed = "";
  bool needs_graph = false;
};
RuleOutcome BlameSuspects(const Case& one, const SuspectCheck& check,
                          Finding (*describe)(const Case&, const Suspect&));

}  // namespace memwhy::analysis
