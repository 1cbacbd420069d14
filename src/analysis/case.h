// SPDX-License-Identifier: Apache-2.0
//
// What every rule looks at: the session, the judged window and the suspects, computed once.
// A suspect is one cause: all growing stacks whose survivors hang below the same holder or are lost
// in the same way, or, where nothing is proven, those that grow in step below one function of the
// application. So two
// findings never name one cause. Pure; refers to its inputs, which must outlive it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/growth.h"
#include "analysis/heap/holders.h"
#include "model/ledger/ledger.h"
#include "model/ledger/window_ends.h"
#include "model/recording.h"
#include "model/sites/stack_tree.h"
#include "model/sites/window_view.h"

namespace memwhy::analysis {

struct GrowingStack {
  const model::StackGrowth* row = nullptr;
  StackJudgement judgement;
  const StackHolder* holder = nullptr;  // what the heap graph says; may name no holder
  // What it has grown by: its survivors, or what its blocks are larger by.
  Bytes bytes() const { return judgement.by_size ? row->grown_by_size : row->survivor_bytes; }
};

struct Suspect {
  std::vector<GrowingStack> stacks;      // most bytes first; empty for pooled objects alone
  std::vector<GrowingStack> in_step;     // unproven, grow in step below the same function
  std::vector<const TypeGrowth*> types;  // pooled objects below the same holder, most bytes first
  std::optional<HolderPath> holder;
  // Nobody holds it: what became of it, most bytes first; none of these where there is a holder.
  std::vector<const LossGrowth*> losses;
  std::size_t sampled = 0;  // survivors looked up, over all stacks and types
  std::size_t found = 0;
  std::size_t agreeing = 0;
  Bytes bytes = 0;           // of stacks and in_step, and growth of types
  std::uint64_t blocks = 0;  // survivors of stacks
  double rate = 0;           // bytes per second
  // Its blocks, or most of their bytes, became larger.
  bool grows_by_size() const { return !stacks.empty() && stacks.front().judgement.by_size; }
};

// pymalloc arenas, all stacks together.
struct PooledGrowth {
  Growth growth;
  std::vector<const model::StackGrowth*> rows;
  Bytes survivor_bytes = 0;
};

struct Case {
  const model::Recording& recording;
  const model::StackTree& stacks;
  const model::WindowView& view;
  const std::vector<model::Ledger>& ledgers;
  const HolderReport* holders = nullptr;  // nullptr: nobody looked

  Growth live;
  Growth rss;          // bins 0: no samples
  Growth slow_rss;     // the same for pages that small objects fill: a few are enough
  double seconds = 0;  // of the window
  std::optional<double> operations_per_second;
  double base = 0;               // rss at the window's start, else live bytes
  std::optional<Bytes> limit;    // of the cgroup
  std::optional<Bytes> charged;  // of the cgroup, last sample of the window
  double matters = 0;            // less growth in the window is not worth a finding
  bool is_lossy = false;
  std::vector<Suspect> suspects;  // most growth first
  std::vector<Suspect> small;     // whose growth is too little to matter, likewise
  PooledGrowth pooled;
  double growth_rate = 0;  // bytes per second: of live bytes, or of all suspects if that is more
  const model::WindowEnds* ends = nullptr;  // nullptr: nobody looked
};

Case MakeCase(const model::Recording& recording, const model::StackTree& stacks,
              const model::WindowView& view, const std::vector<model::Ledger>& ledgers,
              const HolderReport* holders);

// The most frequent operation's name, "operation" where it is not known.
std::string OperationName(const Case& one);

}  // namespace memwhy::analysis
