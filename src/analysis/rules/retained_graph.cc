// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>

#include "analysis/application_frame.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

Finding DescribeRetainedGraph(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  const WhoHolds& holder = *finding.who_holds;
  finding.id = "torch.graph_retained";
  finding.kind = Kind::kRetainedGraph;
  finding.layer = Layer::kFramework;
  finding.title = fmt::format("{} keeps tensors together with their autograd graph: +{}{}",
                              HolderText(holder), RateText(one, finding),
                              finding.who_allocated
                                  ? ", most of it made by " + CallableText(*finding.who_allocated)
                                  : std::string());
  finding.evidence.push_back(
      {"The path from the holder to these buffers runs through grad_fn, so they are intermediate "
       "results that only a backward pass would need",
       static_cast<double>(suspect.agreeing), "survivors", "heap graph"});
  finding.would_disprove =
      fmt::format("With detach() before a tensor is stored in {}, growth per {} stays the same.",
                  holder.holder, OperationName(one));
  finding.fix = fmt::format(
      "Store a number or a detached tensor in {}: x.item() or x.detach(); and where no gradient is "
      "needed, run the model under torch.inference_mode() (it holds for one thread).",
      holder.holder);
  return finding;
}

bool UsesTorch(const Case& one) {
  const auto is_torch = [&](const model::StackGrowth& row) {
    for (model::StackId at = row.stack; one.stacks.has_frames(at); at = one.stacks.parent(at)) {
      const model::Frame& frame = one.stacks.leaf(at);
      if (StartsWith(frame.module, "torch") || Contains(frame.file, "/torch/")) return true;
    }
    return false;
  };
  return std::any_of(one.view.stacks.begin(), one.view.stacks.end(), is_torch);
}

}  // namespace

RuleOutcome CheckRetainedGraph(const Case& one) {
  RuleOutcome outcome;
  outcome.check.id = "torch.graph_retained";
  for (const Suspect& suspect : one.suspects) {
    if (RuleOf(one, suspect) == SuspectRule::kGraph)
      outcome.findings.push_back(DescribeRetainedGraph(one, suspect));
  }
  if (!outcome.findings.empty()) {
    outcome.check.result = CheckResult::kFail;
    outcome.check.why = outcome.findings.front().title;
  } else if (!UsesTorch(one)) {
    outcome.check.result = CheckResult::kNotApplicable;
    outcome.check.why = "no stack of torch in the window";
  } else if (!one.suspects.empty() && (one.holders == nullptr || !one.holders->why_not.empty())) {
    outcome.check.result = CheckResult::kCouldNot;
    outcome.check.why = "no heap graph";
  } else {
    outcome.check.result = CheckResult::kPass;
    outcome.check.why = "no growing stack is kept by an autograd graph";
  }
  return outcome;
}

}  // namespace memwhy::analysis
