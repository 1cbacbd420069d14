// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cstdint>

#include "analysis/describe.h"
#include "analysis/kept_memory.h"
#include "analysis/main_process.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

std::uint32_t ThreadsAtEnd(const Case& one) {
  std::uint32_t threads = 0;
  for (const model::OsSample& sample : one.recording.os_samples) {
    if (sample.process != MainProcess(one.recording)) continue;
    if (sample.time <= one.view.options.to) threads = sample.threads;
  }
  return threads;
}

}  // namespace

RuleOutcome CheckGlibcArenaSpread(const Case& one) {
  RuleOutcome outcome{KeptCheck(one, "glibc.arena_spread"), {}};
  if (WhoKeeps(one) != Keeper::kArenas) return outcome;
  Bytes free = 0;
  Bytes tops = 0;
  std::size_t heaps = 0;
  for (const model::MallocHeap& heap : one.ends->end.malloc->heaps) {
    if (heap.is_main) continue;
    ++heaps;
    free += heap.free;
    tops += heap.top;
  }
  Finding finding = DescribeKept(one, free);
  finding.id = "glibc.arena_spread";
  finding.title = fmt::format(
      "glibc's malloc keeps {} that the program has released, spread over {} heaps of threads' "
      "arenas",
      FormatBytes(free), heaps);
  finding.evidence.push_back(
      {fmt::format("{} threads; each arena has a free part of its own, {} of them behind the last "
                   "live block, where malloc_trim does not reach",
                   ThreadsAtEnd(one), FormatBytes(tops)),
       static_cast<double>(tops), "bytes", "live blocks and resident pages"});
  AddMallocEvidence(one, finding);
  finding.next_step = {
      "MALLOC_ARENA_MAX=2 " + DiagnoseCommand(one, std::max(60.0, one.view.options.to)),
      "threads then share two arenas, and what one has released another can use"};
  finding.fix =
      "Set MALLOC_ARENA_MAX=2 (up to 4 where threads wait for malloc), or call malloc_trim(0) "
      "after "
      "a burst. No line of the application is to blame.";
  outcome.check.result = CheckResult::kFail;
  outcome.check.why = finding.title;
  outcome.findings.push_back(std::move(finding));
  return outcome;
}

}  // namespace memwhy::analysis
