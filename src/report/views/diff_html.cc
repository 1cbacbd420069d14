// SPDX-License-Identifier: Apache-2.0
//
// The page of DiffHtml. The table and its filter work without script; the graph is
// flamegraph_html's with `compare` set: width is the larger of before and after, summed from the
// leaves.
#include <fmt/core.h>

#include <algorithm>
#include <string>

#include "report/parts/html_text.h"
#include "report/views/columns.h"
#include "report/views/diff_view.h"
#include "report/views/flamegraph_html.h"

namespace memwhy::report {
namespace {

constexpr const char* kKinds[] = {"new", "gone", "grown", "shrunk"};

std::string Style() {
  std::string style(FlamegraphStyle());
  style += R"css(
.diff table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.diff th, .diff td { text-align: left; padding: 3px 8px; border-bottom: 1px solid #8c959f;
  overflow-wrap: anywhere; }
.diff th.n, .diff td.n { text-align: right; white-space: nowrap; }
.diff label { display: inline-block; min-height: 24px; margin-right: 12px; }
.diff .callers { opacity: 0.8; font-size: 12px; }
.warning { border-left: 4px solid #bc4c00; padding-left: 8px; }
)css";
  for (const char* kind : kKinds) {
    style +=
        fmt::format("#only-{0}:checked ~ table tbody tr:not(.{0}) {{ display: none; }}\n", kind);
  }
  return style;
}

const char* Glyph(const model::Amount& baseline, const model::Amount& value) {
  if (value.bytes == baseline.bytes) return "=";
  return value.bytes > baseline.bytes ? "+" : "\u2212";
}

std::string Cells(const model::Amount& baseline, const model::Amount& value) {
  std::string html;
  for (const std::string& cell :
       {BytesHtml(baseline.bytes), BytesHtml(value.bytes),
        ChangeHtml(Delta(baseline.bytes, value.bytes)), Escape(ChangeText(baseline, value))}) {
    html += "<td class=\"n\">" + cell + "</td>";
  }
  return html;
}

std::string DiffRow(const DiffView& view, const model::Recording& joined,
                    const model::SiteGroup& group) {
  const char* kind = ChangeKind(group.baseline, group.value);
  std::string html = fmt::format("<tr class=\"{}\"><td>{} {}</td>", kind,
                                 Glyph(group.baseline, group.value), kind);
  html += Cells(group.baseline, group.value) + "<td>" +
          Escape(GroupTitle(joined, view.diff.stacks, group, view.by));
  if (view.by == model::GroupBy::kStack && view.diff.stacks.has_frames(group.key.stack)) {
    const auto& stacks = view.diff.stacks;
    model::StackId stack = stacks.parent(group.key.stack);
    for (std::size_t i = 0; i < 4 && stacks.has_frames(stack); stack = stacks.parent(stack), ++i) {
      html += "<br><span class=\"callers\">" + Escape(FrameLine(stacks.leaf(stack))) + "</span>";
    }
  }
  return html + "</td></tr>\n";
}

std::string DiffTable(const DiffView& view, std::size_t top) {
  std::string html = "<section class=\"diff\" aria-label=\"Changes\">\n<h2>";
  html += fmt::format("Changes by {}</h2>\n", GroupName(view.by));
  html +=
      "<input type=\"radio\" name=\"only\" id=\"only-all\" checked>"
      "<label for=\"only-all\">all</label>\n";
  for (const char* kind : kKinds) {
    const auto count =
        std::count_if(view.groups.begin(), view.groups.end(), [&](const auto& group) {
          return std::string_view(ChangeKind(group.baseline, group.value)) == kind;
        });
    html += fmt::format(
        "<input type=\"radio\" name=\"only\" id=\"only-{0}\">"
        "<label for=\"only-{0}\">{0} ({1})</label>\n",
        kind, count);
  }
  html +=
      "<table><thead><tr><th scope=\"col\">Kind</th><th scope=\"col\" class=\"n\">Before</th>"
      "<th scope=\"col\" class=\"n\">After</th><th scope=\"col\" class=\"n\">Delta</th>"
      "<th scope=\"col\" class=\"n\">%</th><th scope=\"col\">Where</th></tr></thead>\n<tbody>\n";
  const model::Recording joined = JoinedRecording(view);
  model::Amount rest;
  model::Amount rest_baseline;
  for (std::size_t i = 0; i < view.groups.size(); ++i) {
    const model::SiteGroup& group = view.groups[i];
    if (i < top) {
      html += DiffRow(view, joined, group);
      continue;
    }
    rest += group.value;
    rest_baseline += group.baseline;
  }
  html += "</tbody><tfoot>\n";
  if (view.groups.size() > top) {
    html += "<tr><td></td>" + Cells(rest_baseline, rest) +
            fmt::format("<td>in {} more; <code>memwhy diff --top N</code> shows more</td></tr>\n",
                        FormatCount(view.groups.size() - top));
  }
  html += "<tr><td></td>" + Cells(view.baseline.total, view.candidate.total) +
          "<td>all allocations</td></tr>\n</tfoot></table>\n</section>\n";
  return html;
}

std::string Side(const char* name, const DiffSideInfo& side) {
  return fmt::format("<p><b>{}</b>: {}, {} to {} of {}, started {}, ended {}</p>\n", name,
                     Escape(side.recording.command), FormatSeconds(side.from),
                     FormatSeconds(side.to), FormatSeconds(side.recording.seconds),
                     Escape(side.recording.started.empty() ? "unknown" : side.recording.started),
                     Escape(side.recording.ended));
}

}  // namespace

std::string DiffHtml(const DiffView& view, std::size_t top) {
  const model::CallTree pruned = model::Prune(view.tree, kMinFlamegraphShare);
  Json document = FlamegraphJson({view.candidate.recording, view.diff.stacks, pruned,
                                  view.candidate.from, view.candidate.to, ShowName(view.show),
                                  /*has_baseline=*/true});
  document["compare"] = "sessions";
  const std::string style = Style();
  const std::string script(FlamegraphScript());
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '";
  html += ContentHash(style) + "'; script-src '" + ContentHash(script);
  html += "'; base-uri 'none'; form-action 'none'\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<title>memwhy: changes</title>\n<style>" + style + "</style>\n</head>\n<body>\n<main>\n";
  html += fmt::format("<h1>Changes of {}</h1>\n", ShowPhrase(view.show));
  html += Side("Baseline", view.baseline) + Side("Candidate", view.candidate);
  for (const analysis::DiffWarning& warning : view.diff.warnings) {
    html += "<p class=\"warning\">Not comparable: " + Escape(warning.text) + "</p>\n";
  }
  html += FlamegraphMarkup();
  html += DiffTable(view, top);
  html += "</main>\n" + FlamegraphDataElement(document);
  html += "<script>" + script + "</script>\n</body>\n</html>\n";
  return html;
}

}  // namespace memwhy::report
