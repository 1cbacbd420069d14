// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

#include "analysis/describe.h"
#include "analysis/kept_memory.h"
#include "analysis/main_process.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

constexpr double kFreeShare = 0.4;  // of the arenas
constexpr double kSparse = 0.1;     // of an arena: less in use is sparse

struct Arenas {
  std::size_t count = 0;
  std::size_t sparse = 0;
  Bytes in_sparse = 0;     // in use there
  Bytes sparse_bytes = 0;  // what these arenas are
  Bytes pools_in_use = 0;
};

Arenas LookAtArenas(const Case& one) {
  Arenas arenas;
  const model::ProcessId main = MainProcess(one.recording);
  if (one.ends == nullptr || one.ends->end.pass == nullptr ||
      main.value >= one.recording.processes.size()) {
    return arenas;
  }
  const Bytes arena_bytes = one.recording.processes[main.value].arena_bytes;
  for (const model::ArenaUse& use : one.ends->end.pass->arenas) {
    ++arenas.count;
    arenas.pools_in_use += use.pools_in_use;
    if (static_cast<double>(use.blocks_in_use) > kSparse * static_cast<double>(arena_bytes)) {
      continue;
    }
    ++arenas.sparse;
    arenas.in_sparse += use.blocks_in_use;
    arenas.sparse_bytes += arena_bytes;
  }
  return arenas;
}

Finding DescribeFragmented(const Case& one, Bytes in_use, Bytes free) {
  const Arenas arenas = LookAtArenas(one);
  Finding finding = DescribeKept(one, free);
  finding.id = "pymalloc.fragmented";
  finding.kind = Kind::kFragmentation;
  finding.layer = Layer::kInterpreter;
  finding.bytes_layer = Layer::kInterpreter;
  finding.title =
      fmt::format("few living objects keep {} of free memory in pymalloc's arenas from going back",
                  FormatBytes(free));
  finding.evidence.push_back({fmt::format("{} of {} in arenas are in use", FormatBytes(in_use),
                                          FormatBytes(in_use + free)),
                              static_cast<double>(free), "bytes", "ledger"});
  if (arenas.count > 0) {
    finding.evidence.push_back(
        {fmt::format(
             "{} of {} arenas hold living objects in less than {:.0f} % of their memory: {} "
             "of objects in {}",
             FormatCount(arenas.sparse), FormatCount(arenas.count), kSparse * 100,
             FormatBytes(arenas.in_sparse), FormatBytes(arenas.sparse_bytes)),
         static_cast<double>(arenas.sparse), "arenas", "headers of pools"});
  }
  finding.prediction = fmt::format(
      "malloc_trim(0) gives back nothing of it. {}New objects fill it before rss rises again.",
      arenas.sparse == 0 ? std::string()
                         : fmt::format("Without the {} that live in sparse arenas, rss would be {} "
                                       "lower. ",
                                       FormatBytes(arenas.in_sparse),
                                       FormatBytes(std::min(free, arenas.sparse_bytes))));
  finding.would_disprove = "rss falls when the program calls malloc_trim(0).";
  finding.next_step = {DiagnoseCommand(one, std::max(60.0, one.view.options.to)),
                       "watch one burst: objects that are made in it and outlive it are the pins"};
  finding.fix =
      "Do the burst in a child process, or make objects that live long before it, not among "
      "objects "
      "that die.";
  return finding;
}

}  // namespace

RuleOutcome CheckPymallocFragmented(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "pymalloc.fragmented";
  const model::Ledger* end = LedgerAt(one, "end");
  if (InUseGrows(one) || one.pooled.growth.trend == Trend::kGrowing) {
    check.result = CheckResult::kNotApplicable;
    check.why = "what is in use grows";
    return outcome;
  }
  const Bytes in_use = ShareBytes(end, model::ShareKind::kPymallocInUse);
  const Bytes free = ShareBytes(end, model::ShareKind::kPymallocFree);
  if (end == nullptr || in_use + free == 0) {
    check.result = CheckResult::kCouldNot;
    check.why = "no arena was read";
    return outcome;
  }
  check.result = CheckResult::kPass;
  check.why = fmt::format("{} of {} in pymalloc's arenas are in use", FormatBytes(in_use),
                          FormatBytes(in_use + free));
  const bool is_fragmented =
      free >= kKeptBytes &&
      static_cast<double>(free) >= kFreeShare * static_cast<double>(in_use + free);
  if (!is_fragmented) return outcome;
  outcome.findings.push_back(DescribeFragmented(one, in_use, free));
  check.result = CheckResult::kFail;
  check.why = outcome.findings.front().title;
  return outcome;
}

}  // namespace memwhy::analysis
