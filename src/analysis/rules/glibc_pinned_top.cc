// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "analysis/application_frame.h"
#include "analysis/describe.h"
#include "analysis/kept_memory.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {

RuleOutcome CheckGlibcPinnedTop(const Case& one) {
  RuleOutcome outcome{KeptCheck(one, "glibc.pinned_top"), {}};
  if (WhoKeeps(one) != Keeper::kPinnedHeap) return outcome;
  const model::MallocHeap& heap = *PinnedHeap(one);
  const model::LiveBlock& pin = *heap.highest;
  Finding finding = DescribeKept(one, heap.largest_gap);
  finding.id = "glibc.pinned_top";
  finding.kind = Kind::kFragmentation;
  if (pin.stack != model::kUnknownStack) {
    finding.who_allocated = DescribeAllocation(one.stacks, pin.stack);
  }
  const std::string blocks = heap.blocks_above == 1
                                 ? std::string("one live block")
                                 : fmt::format("{} live blocks", FormatCount(heap.blocks_above));
  finding.title = fmt::format(
      "{} ({}) at the end of a heap of malloc keep{} {} free below {} from "
      "going back",
      blocks, FormatBytes(heap.bytes_above), heap.blocks_above == 1 ? "s" : "",
      FormatBytes(heap.largest_gap), heap.blocks_above == 1 ? "it" : "them");
  finding.evidence.push_back(
      {fmt::format("the highest is {} at 0x{:x}, made at {}", FormatBytes(pin.size), pin.address,
                   FormatSeconds(pin.born)),
       static_cast<double>(pin.size), "bytes", "allocation events"});
  AddMallocEvidence(one, finding);
  finding.next_step = {"python -c 'import ctypes; ctypes.CDLL(None).malloc_trim(0)'",
                       "glibc shortens a heap by itself only from its end; malloc_trim also gives "
                       "back whole pages below live blocks"};
  finding.fix =
      "Make what lives long before the burst, not at its end, or call malloc_trim(0) after it.";
  outcome.check.result = CheckResult::kFail;
  outcome.check.why = finding.title;
  outcome.findings.push_back(std::move(finding));
  return outcome;
}

}  // namespace memwhy::analysis
