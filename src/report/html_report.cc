// SPDX-License-Identifier: Apache-2.0
#include "report/html_report.h"

#include <fmt/core.h>

#include <cmath>

#include "report/ledger/html_ledger.h"
#include "report/ledger/ledger_rows.h"
#include "report/parts/html_about.h"
#include "report/parts/html_chart.h"
#include "report/parts/html_style.h"
#include "report/parts/html_text.h"
#include "report/parts/rss_points.h"
#include "report/verdict/html_findings.h"

namespace memwhy::report {
namespace {

constexpr std::size_t kChartPoints = 600;

std::string Policy(const ReportInput& input, const std::string& style) {
  std::string policy = fmt::format("default-src 'none'; style-src '{}'", ContentHash(style));
  if (!input.where.script.empty()) {
    policy += fmt::format("; script-src '{}'", ContentHash(input.where.script));
  }
  return policy + "; base-uri 'none'; form-action 'none'";
}

std::string PageHead(const ReportInput& input, const std::string& style) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta name=\"generator\" content=\"memwhy {}\">\n"
      "<title>{}: {}</title>\n<style>{}</style>\n</head>\n",
      Policy(input, style), MEMWHY_VERSION, Name(input.verdict.word),
      Escape(input.recording.command.empty() ? "memwhy" : input.recording.command), style);
}

std::string KeyNumbers(const ReportInput& input) {
  std::string out = "<dl>\n";
  const auto row = [&](const char* name, const std::string& html) {
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
  };
  const analysis::Verdict& verdict = input.verdict;
  if (const auto rss = RssOverWindow(input.recording, verdict)) {
    row("rss in the window",
        fmt::format(
            "{} to {} ({}), {}", BytesHtml(rss->first), BytesHtml(rss->last),
            ChangeHtml(static_cast<SignedBytes>(rss->last) - static_cast<SignedBytes>(rss->first)),
            TrendName(verdict.rss.trend)));
  } else {
    row("rss in the window", "unknown");
  }
  row("Live bytes",
      verdict.live.bins == 0
          ? std::string("unknown")
          : fmt::format("{} per second, {}", ChangeHtml(std::llround(verdict.live.slope)),
                        TrendName(verdict.live.trend)));
  row("Window judged", fmt::format("{:.1f} s to {:.1f} s", verdict.window_from, verdict.window_to));
  row("Traffic", verdict.operations_per_second
                     ? fmt::format("{} {}s, {} per second", FormatCount(verdict.operations),
                                   Escape(verdict.operation_name),
                                   analysis::CountText(*verdict.operations_per_second))
                     : "unknown: the program marks no operations");
  return out + "</dl>\n";
}

std::string Overview(const ReportInput& input) {
  std::string out =
      "<section id=\"overview\" aria-labelledby=\"h-overview\">\n"
      "<h2 id=\"h-overview\">Overview</h2>\n";
  out += KeyNumbers(input);
  bool has_ledger = false;
  for (const char* account : {"rss", "cgroup"}) {
    if (const auto table = MakeLedgerTable(input.ledgers, account)) {
      out += fmt::format("<h3>Where {} lies</h3>\n",
                         account == std::string("cgroup") ? "the cgroup's charge" : account) +
             LedgerHtml(*table);
      has_ledger = true;
    }
  }
  if (!has_ledger) out += "<p>No ledger: the address space was not read.</p>\n";
  const std::string chart =
      TimeChartHtml(RssPoints(input.recording, input.verdict.process, kChartPoints), input.view);
  out += "<h3>Over time</h3>\n" + (chart.empty() ? "<p>No samples.</p>\n" : chart);
  return out + "</section>\n";
}

std::string Where(const ReportInput& input) {
  std::string out =
      "<section id=\"where\" aria-labelledby=\"h-where\">\n"
      "<h2 id=\"h-where\">Where</h2>\n";
  if (!input.where.html.empty()) return out + input.where.html + "</section>\n";
  return out + fmt::format(
                   "<p>No flame graph: {}.</p>\n</section>\n",
                   Escape(input.why_no_where.empty() ? "none was asked for" : input.why_no_where));
}

}  // namespace

std::string HtmlReport(const ReportInput& input) {
  const std::string style = kReportStyle + input.where.style;
  const analysis::Verdict& verdict = input.verdict;
  std::string out = PageHead(input, style);
  out += fmt::format(
      "<body>\n<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n"
      "<p class=\"dim\">memwhy, <code>{}</code>, {}</p>\n"
      "<h1><span class=\"word word-{}\">{}</span> {}</h1>\n"
      "<nav aria-label=\"Sections\"><ul><li><a href=\"#overview\">Overview</a></li>"
      "<li><a href=\"#findings\">Findings</a></li><li><a href=\"#where\">Where</a></li>"
      "<li><a href=\"#about\">About this capture</a></li></ul></nav>\n</header>\n"
      "<main id=\"main\">\n",
      Escape(input.recording.command), Escape(input.recording.started),
      ClassName(Name(verdict.word)), Name(verdict.word), Escape(verdict.summary));
  out += Overview(input);
  out +=
      "<section id=\"findings\" aria-labelledby=\"h-findings\">\n"
      "<h2 id=\"h-findings\">Findings</h2>\n" +
      FindingsHtml(verdict) + ChecksHtml(verdict) + "</section>\n";
  out += Where(input);
  out +=
      "<section id=\"about\" aria-labelledby=\"h-about\">\n"
      "<h2 id=\"h-about\">About this capture</h2>\n" +
      AboutHtml(input.recording) + "</section>\n</main>\n";
  out +=
      "<footer><p>Bytes are in binary units with three digits; point at a number for the exact "
      "one. This file needs no network.</p></footer>\n";
  if (!input.where.script.empty()) out += "<script>" + input.where.script + "</script>\n";
  return out + "</body>\n</html>\n";
}

}  // namespace memwhy::report
