// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "analysis/growth.h"

namespace memwhy::analysis {
namespace {

constexpr double kBirthsSpread = 0.6;  // of the bins before the tail
constexpr double kBirthsLate = 0.5;    // second half / first half
constexpr double kKept = 0.2;          // net / survivor bytes
constexpr std::uint64_t kFewestBlocks = 5;

// Bins that end before the tail begins: survivors can have been born in them.
std::size_t BinsBeforeTail(const model::StackGrowth& stack, const model::WindowOptions& window) {
  const double bins = static_cast<double>(stack.survivors_by_birth.size());
  const double length = window.to - window.from;
  if (length <= 0) return 0;
  const double share = (window.tail_from - window.from) / length;
  return static_cast<std::size_t>(std::clamp(std::floor(share * bins + 1e-9), 0.0, bins));
}

}  // namespace

StackJudgement JudgeStack(const model::StackGrowth& stack, const model::WindowOptions& window) {
  StackJudgement judgement;
  judgement.growth = JudgeFloors(stack.floor, window.to - window.from, GrowthOptions{});
  const std::size_t bins = BinsBeforeTail(stack, window);
  const auto begin = stack.survivors_by_birth.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(bins);
  const auto middle = begin + static_cast<std::ptrdiff_t>(bins / 2);
  const auto bore = [](Bytes bytes) { return bytes > 0; };
  const auto sum = [](auto from, auto to) {
    double total = 0;
    for (; from != to; ++from) total += static_cast<double>(*from);
    return total;
  };
  if (bins > 0) {
    judgement.births_spread =
        static_cast<double>(std::count_if(begin, end, bore)) / static_cast<double>(bins);
    // The halves may differ by one bin, so births per bin are compared.
    const double early = sum(begin, middle) / std::max<double>(1, static_cast<double>(bins / 2));
    const double late = sum(middle, end) / static_cast<double>(bins - bins / 2);
    if (early > 0) judgement.births_late = late / early;
  }
  if (stack.survivor_bytes > 0) {
    judgement.kept = judgement.growth.net / static_cast<double>(stack.survivor_bytes);
  }
  if (judgement.growth.trend != Trend::kGrowing) {
    judgement.why = judgement.growth.why;
  } else if (stack.grown_by_size > 0) {
    judgement.is_growing = judgement.by_size = true;
    judgement.why = judgement.growth.why;
  } else if (stack.survivor_blocks < kFewestBlocks) {
    judgement.why = fmt::format("{} blocks survive, {} are needed to see a trend",
                                stack.survivor_blocks, kFewestBlocks);
  } else if (judgement.births_spread < kBirthsSpread) {
    judgement.why = fmt::format("survivors were born in {:.0f} % of the window only",
                                judgement.births_spread * 100);
  } else if (judgement.births_late < kBirthsLate) {
    judgement.why = fmt::format("survivors fade: the second half bore {:.0f} % of the first",
                                judgement.births_late * 100);
  } else if (judgement.kept < kKept) {
    judgement.why = fmt::format(
        "older entries go as new ones come: {:.0f} % of what survives is "
        "net growth",
        judgement.kept * 100);
  } else {
    judgement.is_growing = true;
    judgement.why = judgement.growth.why;
  }
  return judgement;
}

}  // namespace memwhy::analysis
