// SPDX-License-Identifier: Apache-2.0
#include "gate/documents/gate_html.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/shell_word.h"
#include "base/terminal_text.h"
#include "gate/documents/change_graph.h"
#include "gate/documents/gate_text.h"
#include "gate/judge/amount_text.h"
#include "gate/judge/statistics.h"
#include "report/parts/html_style.h"
#include "report/parts/html_text.h"

namespace memwhy::gate {
namespace {

using report::Escape;

constexpr const char* kStyle = R"css(
.state-regress{color:var(--bad);font-weight:700}
.state-pass,.state-improved{color:var(--ok)}
.state-inconclusive,.state-env-mismatch{color:var(--accent)}
svg text{fill:currentColor;font:11px ui-monospace,Menlo,Consolas,monospace}
rect.same{fill:#8a9099;fill-opacity:.45}
rect.more{fill:#d5603c;fill-opacity:.75}
rect.new{fill:#d5603c;fill-opacity:.9}
rect.less{fill:#3d7fc4;fill-opacity:.7}
rect.gone{fill:#3d7fc4;fill-opacity:.5}
)css";

std::string StateCell(State state) {
  return fmt::format("<td class=\"state-{}\">{} {}</td>", StateName(state), StateSign(state),
                     StateName(state));
}

// "142 MiB ± 1.20 MiB": median and median deviation.
std::string SpreadText(const Metric& metric, const std::vector<double>& samples) {
  if (samples.empty()) return "";
  return AmountText(metric, Median(samples)) + " ± " + AmountText(metric, MedianDeviation(samples));
}

std::string BoundRow(const BoundResult& bound) {
  const Metric& metric = *bound.metric;
  const bool is_rate = bound.bound == Bound::kGrowth || bound.bound == Bound::kForecast;
  std::string change = "";
  if (bound.delta) change = DeltaText(metric, *bound.delta);
  if (bound.percent) change += " (" + PercentText(*bound.percent) + ")";
  return fmt::format(
      "<tr>{}<th scope=\"row\"><code>{}</code></th><td>{}</td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
      StateCell(bound.state), Escape(BoundTitle(bound)), Escape(std::string(metric.layer)),
      is_rate ? "" : Escape(SpreadText(metric, bound.baseline)),
      Escape(is_rate ? ChangeLine(bound) : SpreadText(metric, bound.candidate)), Escape(change),
      Escape(AllowedText(bound)));
}

std::string BoundDetails(const BoundResult& bound) {
  std::string html =
      fmt::format("<div class=\"card\"><h4>{}: {}</h4>\n<p>{}</p>\n", Escape(BoundTitle(bound)),
                  Escape(ChangeLine(bound)), Escape(bound.why));
  if (!bound.stacks.empty()) {
    html += "<ol>\n";
    for (std::size_t i = 0; i < bound.stacks.size() && i < kStacksInDocuments; ++i) {
      html += "<li>" + Escape(StackLine(bound.stacks[i])) + "</li>\n";
    }
    html += "</ol>\n";
  }
  return html + "</div>\n";
}

std::string WorkloadHtml(const WorkloadResult& workload) {
  std::string html = fmt::format("<section>\n<h2>{}: <span class=\"state-{}\">{} {}</span></h2>\n",
                                 Escape(workload.name), StateName(workload.state),
                                 StateSign(workload.state), StateName(workload.state));
  if (!workload.differences.empty()) {
    html += "<details open><summary>The environment differs from the baseline's</summary>\n<ul>\n";
    constexpr std::size_t kDifferences = 100;
    for (std::size_t i = 0; i < workload.differences.size() && i < kDifferences; ++i) {
      html += "<li>" + Escape(workload.differences[i]) + "</li>\n";
    }
    html += "</ul></details>\n";
  }
  html +=
      "<div class=\"scroll\"><table>\n<caption>Medians of fresh processes ± median "
      "deviation</caption>\n<thead><tr><th>state</th><th>budget</th><th>layer</th>"
      "<th class=\"n\">baseline</th><th class=\"n\">candidate</th><th class=\"n\">change</th>"
      "<th class=\"n\">allowed</th></tr></thead>\n<tbody>\n";
  for (const BoundResult& bound : workload.bounds) html += BoundRow(bound);
  html += "</tbody></table></div>\n";
  for (const BoundResult& bound : workload.bounds) {
    if (bound.state != State::kPass && bound.state != State::kImproved) html += BoundDetails(bound);
  }
  const bool has_both =
      std::ranges::any_of(workload.peak, [](const StackChange& one) { return one.before > 0; });
  if (has_both) {
    html += "<details><summary>The heap at its peak: from the baseline to now</summary>\n" +
            WaterfallSvg(workload.peak) + "</details>\n";
    html +=
        "<details><summary>The same by stack: orange is more (+), blue is less (−); the "
        "largest stacks only</summary>\n" +
        ChangeGraphSvg(workload.peak) + "</details>\n";
  }
  return html + "</section>\n";
}

}  // namespace

std::string GateHtml(const GateResult& result) {
  const std::string style = std::string(report::kReportStyle) + kStyle;
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += fmt::format(
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src '{}'\">\n",
      report::ContentHash(style));
  html +=
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n";
  html += fmt::format("<title>memwhy gate: {}</title>\n<style>{}</style>\n</head>\n<body>\n",
                      StateName(result.state), style);
  html += fmt::format(
      "<header><p class=\"dim\">memwhy gate, {}</p>\n<h1 class=\"state-{}\">{} "
      "{}</h1>\n",
      Escape(result.made), StateName(result.state), StateSign(result.state),
      Escape(VerdictLine(result)));
  if (!result.baseline.empty()) {
    html += "<p>Baseline " + Escape(result.baseline);
    if (!result.baseline_made.empty()) html += " of " + Escape(result.baseline_made);
    if (!result.baseline_reason.empty()) html += ": " + Escape(result.baseline_reason);
    html += "</p>\n";
  }
  html += "</header>\n<main id=\"main\">\n";
  for (const WorkloadResult& workload : result.workloads) html += WorkloadHtml(workload);
  html += "<section><h2>What to do</h2>\n<dl>\n";
  const std::string plan = ShellWord(result.plan);
  html +=
      report::TermHtml("again, here", "<code>" + Escape("memwhy gate run -c " + plan) + "</code>");
  html += report::TermHtml(
      "accept it",
      "<code>" + Escape("memwhy gate baseline -c " + plan + " --reason \"why\"") + "</code>");
  html += "</dl>\n<details><summary>The machine</summary>\n<dl>\n";
  for (const auto& [name, value] : result.fingerprint) {
    html += report::TermHtml(Escape(name), Escape(value));
  }
  html += "</dl></details></section>\n</main>\n";
  html += fmt::format(
      "<footer>memwhy {}. The exit code decides ({}); this page explains.</footer>\n"
      "</body>\n</html>\n",
      MEMWHY_VERSION, StateExitCode(result.state));
  return html;
}

}  // namespace memwhy::gate
