// SPDX-License-Identifier: Apache-2.0
//
// What a view shows of each site, and the roll-ups that all views share: by stack for a call tree,
// by stack, module, thread or process for a table. Invariant: the sum over the groups is the sum
// over the sites, whatever they are grouped by. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/sites/call_tree.h"
#include "model/sites/site_table.h"
#include "model/sites/stack_tree.h"
#include "model/sites/stats.h"

namespace memwhy::model {

struct SiteAmount {
  SiteKey key;
  Amount value;
  Amount baseline;
};

enum class GroupBy : std::uint8_t { kStack, kModule, kThread, kProcess };

struct SiteGroup {
  SiteKey key;         // its first site's: only the part that it is grouped by speaks for all
  std::string module;  // of the innermost frame that has one; "" without; for kModule alone
  Amount value;
  Amount baseline;
  std::uint64_t sites = 0;
};

// Largest value first, then largest baseline, then in the order of their first site. A thread is
// told apart by process: what a forked child inherits keeps the parent's thread.
std::vector<SiteGroup> GroupSites(const StackTree& stacks, std::span<const SiteAmount> sites,
                                  GroupBy by);

// By stack id; for BuildCallTree.
std::vector<StackAmount> SumByStack(std::span<const SiteAmount> sites);

// The same sum with every stack turned round: leaves below the root. A stack that was cut ends
// where it was cut.
struct InvertedStacks {
  StackTree stacks;
  std::vector<StackAmount> amounts;
};
InvertedStacks Invert(const StackTree& stacks, std::span<const StackAmount> amounts);

}  // namespace memwhy::model
