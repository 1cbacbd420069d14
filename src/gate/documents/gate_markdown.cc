// SPDX-License-Identifier: Apache-2.0
#include "gate/documents/gate_markdown.h"

#include <fmt/core.h>

#include "base/terminal_text.h"
#include "gate/documents/gate_text.h"
#include "gate/judge/amount_text.h"

namespace memwhy::gate {
namespace {

bool IsPlain(char c) {
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool is_digit = c >= '0' && c <= '9';
  return is_letter || is_digit || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view(" ,()/%'?;=").find(c) != std::string_view::npos;
}

std::string MarkdownRow(const BoundResult& bound) {
  std::string row = fmt::format("| {} {} | {} | {} | {} |\n", StateSign(bound.state),
                                StateName(bound.state), MarkdownText(BoundTitle(bound)),
                                MarkdownText(ChangeLine(bound)), MarkdownText(AllowedText(bound)));
  return row;
}

std::string WorkloadSection(const WorkloadResult& workload) {
  std::string text =
      fmt::format("\n### {}: {}\n\n", MarkdownText(workload.name), StateName(workload.state));
  for (const std::string& difference : workload.differences) {
    text += "- " + MarkdownText(difference) + "\n";
    constexpr std::size_t kMost = 20000;
    if (text.size() > kMost) {
      text += "- and more\n";
      break;
    }
  }
  if (!workload.differences.empty()) text += "\n";
  text += "| state | budget | measured | allowed |\n|---|---|---|---|\n";
  for (const BoundResult& bound : workload.bounds) text += MarkdownRow(bound);
  for (const BoundResult& bound : workload.bounds) {
    if (bound.state == State::kPass || bound.state == State::kImproved) continue;
    text += fmt::format("\n**{}**: {}\n", MarkdownText(BoundTitle(bound)), MarkdownText(bound.why));
    if (!bound.stacks.empty()) text += "\n";
    for (std::size_t i = 0; i < bound.stacks.size() && i < kStacksInDocuments; ++i) {
      text += "- " + MarkdownText(StackLine(bound.stacks[i])) + "\n";
    }
  }
  return text;
}

}  // namespace

std::string MarkdownText(std::string_view text) {
  std::string out;
  char before = ' ';
  for (const char c : EscapeName(text)) {
    // A dot makes a link only behind "www"; a minus a list only at a line's start.
    const bool is_plain = IsPlain(c) || ((c == '.' || c == '-') && before != 'w' && before != 'W');
    if (is_plain) {
      out += c;
    } else {
      out += fmt::format("&#{};", static_cast<int>(c));
    }
    before = c;
  }
  return out;
}

std::string GateMarkdown(const GateResult& result, std::size_t max_bytes) {
  std::string text = "## memwhy gate: " + MarkdownText(VerdictLine(result)) + "\n";
  if (!result.baseline.empty()) {
    text += "\nBaseline " + MarkdownText(result.baseline);
    if (!result.baseline_made.empty()) text += " of " + MarkdownText(result.baseline_made);
    if (!result.baseline_reason.empty()) {
      text += " (" + MarkdownText(CutBytes(result.baseline_reason, 500)) + ")";
    }
    text += ".\n";
  }
  std::size_t left_out = 0;
  // Broken ones first: they are what must fit.
  for (const bool is_broken : {true, false}) {
    for (const WorkloadResult& workload : result.workloads) {
      if ((workload.state == State::kRegress) != is_broken) continue;
      const std::string section = WorkloadSection(workload);
      constexpr std::size_t kLastLine = 100;
      if (text.size() + section.size() + kLastLine > max_bytes) {
        ++left_out;
      } else {
        text += section;
      }
    }
  }
  if (left_out > 0) text += fmt::format("\n{} workloads are left out: too long.\n", left_out);
  return text;
}

}  // namespace memwhy::gate
