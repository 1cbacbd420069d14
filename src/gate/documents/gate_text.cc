// SPDX-License-Identifier: Apache-2.0
#include "gate/documents/gate_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/bytes.h"
#include "base/terminal_text.h"
#include "gate/judge/amount_text.h"
#include "report/parts/wrap.h"

namespace memwhy::gate {
namespace {

constexpr std::size_t kFrames = 3;
constexpr std::size_t kNameBytes = 100;
constexpr std::size_t kDifferences = 5;

std::string FrameText(const model::Frame& frame) {
  std::string text = frame.module.empty() ? "" : frame.module + ".";
  text += frame.function.empty() ? "?" : frame.function;
  text = EscapeName(CutBytes(text, kNameBytes));
  if (frame.file.empty()) return text;
  text += " (" + EscapeName(CutBytes(frame.file, kNameBytes));
  return text + (frame.line > 0 ? fmt::format(":{})", frame.line) : ")");
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return upper;
}

}  // namespace

const char* StateSign(State state) {
  switch (state) {
    case State::kPass:
      return "ok";
    case State::kImproved:
      return "+";
    case State::kInconclusive:
      return "?";
    case State::kEnvMismatch:
      return "!";
    case State::kRegress:
      return "x";
  }
  return "";
}

std::string VerdictLine(const GateResult& result) {
  std::size_t all = 0;
  std::size_t in_state = 0;
  for (const WorkloadResult& workload : result.workloads) {
    all += workload.bounds.size();
    in_state += static_cast<std::size_t>(std::ranges::count(
        workload.bounds, result.state, [](const BoundResult& bound) { return bound.state; }));
  }
  const char* what = "";
  switch (result.state) {
    case State::kPass:
      return fmt::format("PASS: {} budgets hold", all);
    case State::kImproved:
      what = "are better than the baseline, the others hold";
      break;
    case State::kInconclusive:
      what = "cannot be decided, none is broken";
      break;
    case State::kEnvMismatch:
      what = "cannot be compared: the environment is not the baseline's";
      break;
    case State::kRegress:
      what = "are broken";
  }
  return fmt::format("{}: {} of {} budgets {}", Upper(StateName(result.state)), in_state, all,
                     what);
}

std::string ChangeLine(const BoundResult& bound) {
  const Metric& metric = *bound.metric;
  if (bound.bound == Bound::kKilled) {
    return "more than " + AmountText(metric, bound.allowed);
  }
  if (!bound.candidate_median) return "unknown";
  const std::string now = AmountText(metric, *bound.candidate_median);
  if (bound.bound == Bound::kGrowth || bound.bound == Bound::kForecast) {
    return DeltaText(metric, *bound.candidate_median) + " per operation";
  }
  if (!bound.baseline_median) return now;
  std::string line = AmountText(metric, *bound.baseline_median) + " -> " + now;
  if (bound.percent) line += " (" + PercentText(*bound.percent) + ")";
  return line;
}

std::string AllowedText(const BoundResult& bound) {
  const Metric& metric = *bound.metric;
  switch (bound.bound) {
    case Bound::kLimit:
      return "at most " + AmountText(metric, bound.allowed);
    case Bound::kIncrease:
      return bound.baseline_median ? DeltaText(metric, bound.allowed) : "unknown";
    case Bound::kGrowth:
      return AmountText(metric, bound.allowed) + " per operation";
    case Bound::kForecast:
      return FormatCount(RoundToBytes(bound.allowed)) + " operations";
    case Bound::kKilled:
      return "at most " + AmountText(metric, bound.allowed);
  }
  return "";
}

std::string BoundTitle(const BoundResult& bound) {
  return std::string(bound.metric->name) + " " + BoundName(bound.bound);
}

std::string StackLine(const StackSample& stack) {
  std::string text =
      fmt::format("{} in {} blocks: ", FormatSignedBytes(std::llround(stack.bytes)),
                  stack.blocks < 0 ? fmt::format("{:.0f}", stack.blocks)
                                   : FormatCount(static_cast<std::uint64_t>(stack.blocks)));
  if (stack.is_arena) return text + "arenas of Python's allocator (python_blocks names lines)";
  if (stack.frames.empty()) return text + "no Python code";
  const std::size_t shown = std::min(kFrames, stack.frames.size());
  const auto is_changed = [&](std::size_t i) {
    return stack.changed && std::ranges::find(*stack.changed, i) != stack.changed->end();
  };
  for (std::size_t i = 0; i < shown; ++i) {
    text += (i == 0 ? "" : " < ") + FrameText(stack.frames[i]);
    if (is_changed(i)) text += " [changed]";
  }
  if (shown < stack.frames.size()) {
    text += fmt::format(" < {} more", stack.frames.size() - shown);
  }
  return text;
}

std::string GateText(const GateResult& result) {
  std::string text = VerdictLine(result) + "\n";
  if (!result.baseline.empty()) {
    std::string about = EscapeName(result.baseline);
    if (!result.baseline_made.empty()) about += " of " + EscapeName(result.baseline_made);
    if (!result.baseline_reason.empty()) about += ": " + EscapeName(result.baseline_reason);
    text += report::Wrap("baseline ", about);
  }
  for (const WorkloadResult& workload : result.workloads) {
    text += "\n" + report::Wrap("", EscapeName(workload.name) + ": " + StateName(workload.state));
    for (std::size_t i = 0; i < workload.differences.size(); ++i) {
      if (i == kDifferences) {
        text += fmt::format("  !  and {} more\n", workload.differences.size() - i);
        break;
      }
      text += report::Wrap("  !  ", EscapeName(workload.differences[i]));
    }
    for (const BoundResult& bound : workload.bounds) {
      text +=
          report::Wrap(fmt::format("  {:<2} {:<23} ", StateSign(bound.state), BoundTitle(bound)),
                       ChangeLine(bound));
      if (bound.state != State::kPass) text += report::Wrap("     ", EscapeName(bound.why));
      for (std::size_t i = 0; i < bound.stacks.size() && i < kStacksInDocuments; ++i) {
        text += report::Wrap("     - ", StackLine(bound.stacks[i]));
      }
    }
  }
  return text;
}

}  // namespace memwhy::gate
