// SPDX-License-Identifier: Apache-2.0
//
// One rule per file of this folder. A rule looks at a case and answers with a check, whatever it
// saw, and with findings when it can prove one. Silence is a valid answer. Deterministic, pure.
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
// A stack that grows and whose holder could not be proven, or is no container.
RuleOutcome CheckUnreleasedGrowth(const Case& one);
// pymalloc arenas that grow while no holder is proven.
RuleOutcome CheckPooledGrowth(const Case& one);
// In use is flat, rss rises or an allocator keeps much free memory.
RuleOutcome CheckAllocatorRetention(const Case& one);
// Rss rises, and by the ledgers it is neither what is in use nor what allocators keep free.
bool RisesUnexplained(const Case& one);
// Rss rises by what allocators keep free, but that is too little to blame one: in words; "" else.
std::string WhatIsKeptOnTheWay(const Case& one);

// Which of the first three rules a suspect belongs to; each belongs to exactly one.
enum class SuspectRule : unsigned char { kContainer, kGraph, kUnreleased };
SuspectRule RuleOf(const Suspect& suspect);

}  // namespace memwhy::analysis
