// SPDX-License-Identifier: Apache-2.0
#include "report/verdict/memcheck_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "base/terminal_text.h"
#include "report/parts/session_json.h"
#include "report/parts/wrap.h"

namespace memwhy::report {
namespace {

std::string MemcheckFrameText(const model::Frame& frame) {
  std::string place = frame.file.empty() ? frame.module : frame.file;
  if (frame.line > 0) place += fmt::format(":{}", frame.line);
  return fmt::format("{}  {}", frame.function.empty() ? "?" : EscapeName(frame.function),
                     EscapeName(place));
}

std::string MemcheckStackText(const std::vector<model::Frame>& stack, std::size_t top) {
  std::string text;
  for (std::size_t i = 0; i < stack.size(); ++i) {
    if (i == top) return text + fmt::format("     and {} more frames\n", stack.size() - i);
    text += Wrap(fmt::format("     {:<7}", LanguageName(stack[i].language)),
                 MemcheckFrameText(stack[i]));
  }
  return text;
}

std::string MemcheckFindingText(const analysis::Finding& finding, std::size_t number,
                                std::size_t top) {
  std::string text = fmt::format("\n{}. {}  [{}, {}]\n", number, Name(finding.kind),
                                 Name(finding.severity), Name(finding.confidence));
  text += Wrap("   ", EscapeName(finding.title) + ".");
  if (finding.who_allocated) text += MemcheckStackText(finding.who_allocated->stack, top);
  for (const analysis::RelatedStack& related : finding.related) {
    text += Wrap("   ", EscapeName(related.says) + ":");
    text += MemcheckStackText(related.stack, top);
  }
  for (const analysis::Evidence& evidence : finding.evidence) {
    std::string says = EscapeName(evidence.says);
    if (evidence.unit == "line") says += fmt::format(": {:.0f}", evidence.value);
    text += Wrap("   evidence  ", says);
  }
  if (finding.severity != analysis::Severity::kInfo) text += Wrap("   fix       ", finding.fix);
  return text;
}

}  // namespace

std::string MemcheckText(const analysis::MemcheckVerdict& verdict, std::size_t top) {
  std::string text = Wrap("", EscapeName(verdict.summary) + ".");
  std::size_t number = 0;
  std::size_t unblamed = 0;
  for (const analysis::Finding& finding : verdict.findings) {
    if (finding.severity == analysis::Severity::kInfo) {
      ++unblamed;
      continue;
    }
    if (number == top) {
      text += fmt::format("\nand {} more findings (--top, --json)\n",
                          verdict.blamed - static_cast<std::uint64_t>(number));
      break;
    }
    text += MemcheckFindingText(finding, ++number, top);
  }
  text += "\nchecks\n";
  for (const analysis::Check& check : verdict.checks) {
    text += Wrap("  " + check.id + "  ",
                 fmt::format("{}: {}", Name(check.result), EscapeName(check.why)));
  }
  if (unblamed > 0) {
    text += Wrap("", fmt::format("{} more {} in --json: they blame nobody (severity info).",
                                 unblamed, unblamed == 1 ? "is" : "are"));
  }
  return text;
}

}  // namespace memwhy::report
