// SPDX-License-Identifier: Apache-2.0
#include "govern/pressure/forecast.h"

namespace memwhy::govern {

namespace {
constexpr std::size_t kMinSamples = 4;
constexpr double kMinExplained = 0.5;
constexpr double kMinGrowth = 0.01;  // of the limit, in one window
}  // namespace

std::optional<double> SlopePerSecond(const std::deque<Sample>& samples, std::int64_t window_ms) {
  if (samples.empty()) return std::nullopt;
  const std::int64_t end = samples.back().t_ms;
  double count = 0, sum_x = 0, sum_y = 0;
  for (const Sample& one : samples) {
    if (end - one.t_ms > window_ms) continue;
    count += 1;
    sum_x += static_cast<double>(one.t_ms - end) / 1000;
    sum_y += one.used;
  }
  if (count < kMinSamples) return std::nullopt;
  const double mean_x = sum_x / count;
  const double mean_y = sum_y / count;
  double xx = 0, xy = 0, yy = 0;
  for (const Sample& one : samples) {
    if (end - one.t_ms > window_ms) continue;
    const double x = static_cast<double>(one.t_ms - end) / 1000 - mean_x;
    const double y = one.used - mean_y;
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  if (xx <= 0 || yy <= 0) return std::nullopt;
  if (xy * xy / (xx * yy) < kMinExplained) return std::nullopt;
  return xy / xx;
}

std::optional<double> SecondsToLimit(const std::deque<Sample>& samples, std::int64_t window_ms,
                                     double limit) {
  const auto slope = SlopePerSecond(samples, window_ms);
  if (!slope || *slope <= 0) return std::nullopt;
  if (*slope * static_cast<double>(window_ms) / 1000 < kMinGrowth * limit) return std::nullopt;
  const double left = limit - samples.back().used;
  return left <= 0 ? 0 : left / *slope;
}

}  // namespace memwhy::govern
