// SPDX-License-Identifier: Apache-2.0
#include "cli/report_page.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/output_file.h"
#include "model/sites/call_tree.h"
#include "model/sites/stats.h"
#include "report/html_report.h"
#include "report/views/flamegraph_html.h"

namespace memwhy::cli {
namespace {

// What lives at the window's end, beside what lived at its start.
Result<report::HtmlPart> FlamegraphPart(const session::Session& session,
                                        const model::WindowOptions& window) {
  std::unordered_map<model::StackId, model::StackAmount> by_stack;
  const auto amount_of = [&](model::StackId stack) -> model::StackAmount& {
    model::StackAmount& amount = by_stack[stack];
    amount.stack = stack;
    return amount;
  };
  MEMWHY_TRY(const model::Stats end, model::ComputeStats(session, {window.to, window.to}));
  for (const model::SiteStats& site : end.sites) amount_of(site.key.stack).value += site.live;
  MEMWHY_TRY(const model::Stats start, model::ComputeStats(session, {window.from, window.from}));
  for (const model::SiteStats& site : start.sites) amount_of(site.key.stack).baseline += site.live;
  std::vector<model::StackAmount> amounts;
  for (const auto& [stack, amount] : by_stack) {
    if (amount.value.blocks > 0 || amount.baseline.blocks > 0) amounts.push_back(amount);
  }
  std::sort(amounts.begin(), amounts.end(),
            [](const auto& a, const auto& b) { return a.stack < b.stack; });
  const model::CallTree tree =
      model::Prune(model::BuildCallTree(session.stacks(), amounts), report::kMinFlamegraphShare);
  const report::Json document = report::FlamegraphJson(
      {session.recording(), session.stacks(), tree, window.from, window.to, "live", true});
  return report::HtmlPart{
      std::string(report::FlamegraphMarkup()) + report::FlamegraphDataElement(document),
      std::string(report::FlamegraphStyle()), std::string(report::FlamegraphScript())};
}

}  // namespace

Result<void> WriteReport(const session::Session& session,
                         const diagnose::SessionDiagnosis& diagnosis, const std::string& path) {
  auto part = FlamegraphPart(session, diagnosis.view.options);
  const std::string why_not = part ? "" : part.error().message();
  return WriteOutputFile(
      path,
      report::HtmlReport({session.recording(), diagnosis.verdict, diagnosis.ledgers, diagnosis.view,
                          part ? *std::move(part) : report::HtmlPart(), why_not}));
}

std::string WhyNoVerdict(const model::Recording& recording) {
  const std::string why = diagnose::WhyNothingRecorded(recording);
  return why.empty() ? "" : "nothing was recorded: " + why;
}

}  // namespace memwhy::cli
