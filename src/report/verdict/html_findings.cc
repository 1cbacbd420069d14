// SPDX-License-Identifier: Apache-2.0
#include "report/verdict/html_findings.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/bytes.h"
#include "report/parts/html_text.h"

namespace memwhy::report {
namespace {

using analysis::Finding;

// C code has a file, but mostly no line.
std::string CodeAndPlace(const std::string& name, const std::string& file, int line) {
  return fmt::format(
      "<code>{}</code> <span class=\"dim\">{}{}</span>", Escape(name.empty() ? "unknown" : name),
      Escape(file.empty() ? "unknown" : file), line > 0 ? fmt::format(":{}", line) : "");
}

std::string FrameText(const model::Frame& frame) {
  const bool has_module = !frame.module.empty() && frame.language != model::Language::kC;
  return CodeAndPlace(has_module ? frame.module + "." + frame.function : frame.function, frame.file,
                      frame.line);
}

std::string Allocation(const Finding& finding) {
  if (!finding.who_allocated) return TermHtml("Allocated by", "unknown");
  const analysis::WhoAllocated& who = *finding.who_allocated;
  std::string out = TermHtml("Allocated by", CodeAndPlace(who.callable, who.file, who.line));
  if (!who.native_function.empty() && !who.native_library.empty()) {
    out += TermHtml("In native code",
                    fmt::format("<code>{}</code> <span class=\"dim\">{}</span>",
                                Escape(who.native_function), Escape(who.native_library)));
  }
  std::string stack =
      "<details><summary>Stack, innermost call first</summary>\n"
      "<ol class=\"stack\">\n";
  for (const model::Frame& frame : who.stack) stack += "<li>" + FrameText(frame) + "</li>\n";
  stack += who.is_truncated ? "<li>the stack was cut here</li>\n" : "";
  return out + TermHtml("Stack", stack + "</ol></details>");
}

std::string Holder(const Finding& finding) {
  if (!finding.who_holds) return TermHtml("Held by", "unknown");
  const analysis::WhoHolds& who = *finding.who_holds;
  std::string detail = who.holder_type;
  if (who.holder_length) {
    detail += (detail.empty() ? "" : ", ") + FormatCount(*who.holder_length) + " entries";
  }
  std::string out = TermHtml("Held by", fmt::format("<code>{}</code> <span class=\"dim\">{}</span>",
                                                    Escape(who.holder), Escape(detail)));
  if (who.filled_by) {
    const analysis::WhoAllocated& filler = *who.filled_by;
    out += TermHtml("Put there by", CodeAndPlace(filler.callable, filler.file, filler.line));
  }
  std::string path = "<ol class=\"path\">\n";
  for (const std::string& step : who.path) {
    path += "<li><code>" + Escape(step) + "</code></li>\n";
  }
  path += "</ol>";
  if (who.invisible_to_gc) path += "<p>Python's garbage collector cannot see all of this path.</p>";
  return out + TermHtml(fmt::format("Path from a {}", Escape(who.root)), path);
}

std::string GrowthHtml(const analysis::Verdict& verdict, const Finding& finding) {
  std::string out;
  if (finding.growth_bytes_per_operation) {
    out += TermHtml(
        "Growth",
        fmt::format("{} per {}, {} per second",
                    BytesHtml(RoundToBytes(*finding.growth_bytes_per_operation)),
                    Escape(verdict.operation_name.empty() ? "operation" : verdict.operation_name),
                    BytesHtml(RoundToBytes(finding.growth_bytes_per_second))));
  } else if (finding.growth_bytes_per_second > 0) {
    out += TermHtml("Growth",
                    BytesHtml(RoundToBytes(finding.growth_bytes_per_second)) + " per second");
  }
  if (finding.share_of_growth) {
    out += TermHtml("Share of all growth", fmt::format("{:.1f} %", *finding.share_of_growth * 100));
  }
  out += TermHtml("At stake", BytesHtml(finding.bytes_at_stake));
  if (!finding.what.type.empty()) {
    out += TermHtml(
        "Objects", fmt::format("<code>{}</code>{}", Escape(finding.what.type),
                               finding.what.count ? ", " + FormatCount(*finding.what.count) + " new"
                                                  : std::string()));
  }
  return out;
}

std::string Card(const analysis::Verdict& verdict, const Finding& finding, std::size_t number) {
  std::string out = fmt::format(
      "<article class=\"card\" aria-labelledby=\"finding-{0}\">\n<h3 id=\"finding-{0}\">{1}</h3>\n"
      "<ul class=\"tags\"><li>{2}</li><li>severity {3}</li><li>confidence {4}</li>"
      "<li>fix in layer {5}</li><li>bytes in layer {6}</li></ul>\n<dl>\n",
      number, Escape(finding.title), Name(finding.kind), Name(finding.severity),
      Name(finding.confidence), Name(finding.layer), Name(finding.bytes_layer));
  out += GrowthHtml(verdict, finding) + Allocation(finding) + Holder(finding);
  for (const analysis::Outcome& outcome : finding.outcomes) {
    out += TermHtml("Tried", outcome.experiment.empty()
                                 ? Escape(outcome.says)
                                 : fmt::format("<code>{}</code> {}: {}", Escape(outcome.experiment),
                                               Name(outcome.result), Escape(outcome.says)));
  }
  out += TermHtml("Outlook", Escape(finding.prediction));
  out += TermHtml("Fix", Escape(finding.fix));
  out += "</dl>\n<h4>Evidence</h4>\n<ul>\n";
  for (const analysis::Evidence& evidence : finding.evidence) {
    out += fmt::format("<li>{} <span class=\"dim\">({})</span></li>\n", Escape(evidence.says),
                       Escape(evidence.source));
  }
  out += fmt::format(
      "</ul>\n<h4>What would disprove it</h4>\n<p>{}</p>\n<h4>Next step</h4>\n"
      "<pre>{}</pre>\n<p>{}</p>\n</article>\n",
      Escape(finding.would_disprove), Escape(finding.next_step.command),
      Escape(finding.next_step.why));
  return out;
}

std::string SuppressedHtml(const analysis::Verdict& verdict) {
  if (verdict.suppressed.empty()) return "";
  std::string out = "<h3>Suppressed</h3>\n<ul>\n";
  for (const analysis::Suppressed& one : verdict.suppressed) {
    out += fmt::format("<li>{} <span class=\"dim\">(line {}: {})</span></li>\n",
                       Escape(one.finding.title), one.line, Escape(one.reason));
  }
  return out + "</ul>\n";
}

std::string ExperimentHtml(const analysis::Experiment& one) {
  std::string out = fmt::format("<h4><code>{}</code> in PID {}</h4>\n", Escape(one.what), one.pid);
  if (!one.error.empty()) return out + fmt::format("<p>Not done: {}.</p>\n", Escape(one.error));
  out += fmt::format("<p>{:.1f} ms (predicted at most {:.0f} ms); {}.</p>\n", one.pause_ms,
                     std::ceil(one.predicted_ms), Escape(one.answer));
  if (!one.rss_before || !one.rss_after) return out + "<p>What it gave back is unknown.</p>\n";
  out +=
      "<table>\n<thead><tr><th scope=\"col\">share</th><th scope=\"col\">before</th>"
      "<th scope=\"col\">after</th></tr></thead>\n<tbody>\n";
  const auto row = [](const std::string& name, Bytes before, Bytes after) {
    return fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n", Escape(name),
                       BytesHtml(before), BytesHtml(after));
  };
  out += row("rss", *one.rss_before, *one.rss_after);
  for (const analysis::ShareChange& share : one.changes) {
    out += row(share.layer + ": " + share.name, share.before, share.after);
  }
  return out + "</tbody></table>\n";
}

std::string ExperimentsHtml(const analysis::Verdict& verdict) {
  std::string out;
  for (const analysis::Experiment& one : verdict.experiments) {
    out += (out.empty() ? "<h3>Tried</h3>\n" : "") + ExperimentHtml(one);
  }
  return out;
}

}  // namespace

std::string FindingsHtml(const analysis::Verdict& verdict) {
  std::string out;
  if (verdict.findings.empty()) {
    out = verdict.suppressed.empty()
              ? "<p>No finding: nothing is to blame. What was checked stands below.</p>\n"
              : "<p>Every finding is suppressed.</p>\n";
  }
  std::size_t number = 0;
  for (const Finding& finding : verdict.findings) out += Card(verdict, finding, ++number);
  return out + SuppressedHtml(verdict) + ExperimentsHtml(verdict);
}

std::string ChecksHtml(const analysis::Verdict& verdict) {
  std::string out =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Checks\"><table>\n"
      "<caption>What was checked</caption>\n<thead><tr><th scope=\"col\">result</th>"
      "<th scope=\"col\">check</th><th scope=\"col\">why</th></tr></thead>\n<tbody>\n";
  for (const analysis::Check& check : verdict.checks) {
    std::string result = Name(check.result);
    std::replace(result.begin(), result.end(), '_', ' ');
    out += fmt::format(
        "<tr><td class=\"{}\">{}</td><th scope=\"row\"><code>{}</code></th>"
        "<td>{}</td></tr>\n",
        ClassName(Name(check.result)), result, Escape(check.id), Escape(check.why));
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace memwhy::report
