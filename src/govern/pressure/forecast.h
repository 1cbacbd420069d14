// SPDX-License-Identifier: Apache-2.0
//
// When a signal reaches its limit, by the line of least squares through its last samples. Nullopt
// where no line can be told from noise: an answer is a claim. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace memwhy::govern {

struct Sample {
  std::int64_t t_ms = 0;
  double used = 0;
};

// Per second, over the samples of the last `window_ms`. Nullopt: fewer than four of them, or the
// line explains less than half of their variance.
std::optional<double> SlopePerSecond(const std::deque<Sample>& samples, std::int64_t window_ms);

// Seconds until `limit`. Nullopt: no slope, none upward, or so flat that a whole window adds less
// than 1 % of the limit.
std::optional<double> SecondsToLimit(const std::deque<Sample>& samples, std::int64_t window_ms,
                                     double limit);

}  // namespace memwhy::govern
