// SPDX-License-Identifier: Apache-2.0
//
// The last minutes of one number of bytes: how fast it grows, and when it reaches a limit. Pure but
// for what it keeps. One thread.
#pragma once

#include <deque>
#include <optional>

#include "base/bytes.h"

namespace memwhy::monitor {

struct TrackPoint {
  double time = 0;
  Bytes bytes = 0;
};

class GrowthTrack {
 public:
  static constexpr double kWindowSeconds = 60;
  static constexpr std::size_t kMaxPoints = 600;

  void Add(double time, Bytes bytes);

  // Bytes per second over the window, by least squares; nullopt before there are 3 points over at
  // least 2 seconds.
  std::optional<double> Slope() const;

  // Seconds until `limit`, by the slope; nullopt without growth that stands out from the noise, or
  // beyond a day: no number is better than one that means nothing.
  std::optional<double> SecondsUntil(Bytes limit) const;

  const std::deque<TrackPoint>& points() const { return points_; }
  bool empty() const { return points_.empty(); }
  Bytes last() const { return points_.back().bytes; }
  double last_time() const { return points_.back().time; }

 private:
  struct Fit {
    double slope = 0;
    double error = 0;  // standard error of the slope
  };
  std::optional<Fit> FitLine() const;

  std::deque<TrackPoint> points_;
};

}  // namespace memwhy::monitor
