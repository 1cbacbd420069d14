// SPDX-License-Identifier: Apache-2.0
#include "monitor/growth_track.h"

#include <cmath>

namespace memwhy::monitor {
namespace {

constexpr std::size_t kMinPoints = 3;
constexpr double kMinSeconds = 2;
constexpr double kDay = 86400;
// A slope of so many standard errors is no chance.
constexpr double kStandsOut = 4;

}  // namespace

void GrowthTrack::Add(double time, Bytes bytes) {
  if (!points_.empty() && time <= points_.back().time) return;
  points_.push_back({time, bytes});
  while (points_.size() > kMaxPoints || time - points_.front().time > kWindowSeconds) {
    points_.pop_front();
  }
}

std::optional<GrowthTrack::Fit> GrowthTrack::FitLine() const {
  if (points_.size() < kMinPoints || points_.back().time - points_.front().time < kMinSeconds) {
    return std::nullopt;
  }
  const double count = static_cast<double>(points_.size());
  // Around the first point: bytes are large numbers.
  const double base = static_cast<double>(points_.front().bytes);
  double mean_time = 0;
  double mean_bytes = 0;
  for (const TrackPoint& point : points_) {
    mean_time += point.time / count;
    mean_bytes += (static_cast<double>(point.bytes) - base) / count;
  }
  double times = 0;
  double products = 0;
  for (const TrackPoint& point : points_) {
    const double t = point.time - mean_time;
    times += t * t;
    products += t * (static_cast<double>(point.bytes) - base - mean_bytes);
  }
  if (times <= 0) return std::nullopt;
  Fit fit;
  fit.slope = products / times;
  double squares = 0;
  for (const TrackPoint& point : points_) {
    const double rest =
        static_cast<double>(point.bytes) - base - mean_bytes - fit.slope * (point.time - mean_time);
    squares += rest * rest;
  }
  fit.error = std::sqrt(squares / (count - 2) / times);
  return fit;
}

std::optional<double> GrowthTrack::Slope() const {
  const auto fit = FitLine();
  if (!fit) return std::nullopt;
  return fit->slope;
}

std::optional<double> GrowthTrack::SecondsUntil(Bytes limit) const {
  const auto fit = FitLine();
  if (!fit || fit->slope <= 0 || fit->slope < kStandsOut * fit->error) return std::nullopt;
  if (points_.back().bytes >= limit) return 0;
  const double seconds = static_cast<double>(limit - points_.back().bytes) / fit->slope;
  if (seconds > kDay) return std::nullopt;
  return seconds;
}

}  // namespace memwhy::monitor
