// SPDX-License-Identifier: Apache-2.0
//
// From a session's model to its verdict. Invariant: a finding is a claim with its proof; stable,
// plateau and inconclusive are results and blame nobody. Deterministic and pure; called by the
// command line, and by tests with synthetic views.
#pragma once

#include <vector>

#include "analysis/finding.h"
#include "analysis/heap/holders.h"
#include "model/ledger/ledger.h"
#include "model/ledger/window_ends.h"
#include "model/recording.h"
#include "model/sites/stack_tree.h"
#include "model/sites/window_view.h"

namespace memwhy::analysis {

// `holders` is nullptr when nobody looked at the heap, `ends` when nobody looked at the address
// space.
Verdict Conclude(const model::Recording& recording, const model::StackTree& stacks,
                 const model::WindowView& view, const std::vector<model::Ledger>& ledgers,
                 const HolderReport* holders, const model::WindowEnds* ends = nullptr);

// True when a finding blames somebody: severity above info.
bool HasBlame(const Verdict& verdict);

// 0 nothing to blame, 1 a finding, 4 inconclusive.
int ExitCode(const Verdict& verdict);

}  // namespace memwhy::analysis
