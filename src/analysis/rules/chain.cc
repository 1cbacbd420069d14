// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <string>

#include "analysis/application_frame.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

Finding DescribeChainGrowth(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  const ChainPath& chain = *suspect.holder->chain;
  const std::string& root = finding.who_holds->holder;
  finding.id = "py.chain";
  finding.kind = Kind::kUnboundedContainer;
  finding.layer = Layer::kPython;
  finding.who_holds->holder_type = chain.type;
  finding.who_holds->holder_length = chain.length;
  finding.title = fmt::format(
      "A chain of {} {}, each holding the next by {}, hangs on {}{}: +{}",
      FormatCount(chain.length), chain.type, chain.link, root,
      finding.who_allocated ? "; made by " + CallableText(*finding.who_allocated) : std::string(),
      RateText(one, finding));
  finding.evidence.push_back({fmt::format("{} objects of {} below {}, one below the other",
                                          FormatCount(chain.length), chain.type, root),
                              static_cast<double>(chain.length), "objects", "heap graph"});
  finding.would_disprove = "The chain is cut from time to time: its length falls.";
  finding.fix = fmt::format(
      "Cut the chain: clear {} when the object behind it is no longer needed (close or exit what "
      "opened it), or keep the last N in a collections.deque(maxlen=N).",
      chain.link);
  return finding;
}

}  // namespace

RuleOutcome CheckChains(const Case& one) {
  return BlameSuspects(one,
                       {.rule = SuspectRule::kChain,
                        .id = "py.chain",
                        .passed = "nothing that grows is a chain of objects"},
                       DescribeChainGrowth);
}

}  // namespace memwhy::analysis
