// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "analysis/rules/rules.h"
#include "base/bytes.h"

namespace memwhy::analysis {
namespace {

constexpr double kTimeConstants = 3;
constexpr double kManyTimeConstants = 20;  // more cannot be told from a slope of zero

// How many time constants of a curve that levels off the window covers: over equal halves of
// A (1 - exp(-t / tau)) the slopes have the ratio exp(T / (2 tau)). nullopt: it does not rise, or
// does not level off.
std::optional<double> TimeConstants(const Growth& growth) {
  if (growth.first_slope <= 0 || growth.second_slope >= growth.first_slope) return std::nullopt;
  if (growth.second_slope <= 0) return kManyTimeConstants;
  return std::min(kManyTimeConstants, 2 * std::log(growth.first_slope / growth.second_slope));
}

}  // namespace

Check CheckWarmUpPlateau(const Case& one, VerdictWord word) {
  Check check{"warmup.plateau", CheckResult::kNotApplicable,
              "memory does not rise and level off in the window"};
  const bool is_live = one.live.trend == Trend::kPlateau;
  const Growth& growth = is_live ? one.live : one.rss;
  if (word != VerdictWord::kPlateau || growth.trend != Trend::kPlateau) return check;
  const char* const what = is_live ? "live bytes" : "rss";
  const std::string last = fmt::format("the last third moves by {}/s",
                                       FormatSignedBytes(std::llround(growth.last_slope)));
  const auto constants = TimeConstants(growth);
  if (!constants || *constants < kTimeConstants) {
    check.result = CheckResult::kCouldNot;
    check.why =
        constants && *constants > 0
            ? fmt::format(
                  "the window covers {:.1f} time constants of the curve of {}, {:.0f} tell "
                  "where it ends ({}): watch for {}",
                  *constants, what, kTimeConstants, last,
                  FormatSeconds(one.seconds * kTimeConstants / *constants))
            : fmt::format("{} rise in steps, no curve tells where they end; {}", what, last);
    return check;
  }
  check.result = CheckResult::kPass;
  check.why =
      fmt::format("{} level off: the window covers {}{:.0f} time constants of the curve; {}", what,
                  *constants < kManyTimeConstants ? "" : "at least ", *constants, last);
  return check;
}

}  // namespace memwhy::analysis
