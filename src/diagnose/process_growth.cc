// SPDX-License-Identifier: Apache-2.0
#include "diagnose/process_growth.h"

#include <algorithm>

namespace memwhy::diagnose {
namespace {

constexpr Bytes kMinRise = 192 * 1024;
constexpr Bytes kMinRiseShare = 1000;  // one part of so many of rss
constexpr std::size_t kMaxPoints = 4096;

}  // namespace

void ProcessGrowth::Note(double time, std::span<const recorder::RecordedProcess> processes) {
  last_.assign(processes.begin(), processes.end());
  for (const recorder::RecordedProcess& process : processes) {
    if (process.rss == 0) continue;  // it ends just now
    std::vector<Point>& points = points_[process.process];
    points.push_back({time, process.rss});
    if (points.size() < kMaxPoints) continue;
    for (std::size_t i = 0; i < points.size() / 2; ++i) points[i] = points[2 * i];
    points.resize(points.size() / 2);
  }
}

Bytes ProcessGrowth::Rise(std::uint32_t process, double since) const {
  const auto found = points_.find(process);
  if (found == points_.end()) return 0;
  const std::vector<Point>& points = found->second;
  const auto first = std::find_if(points.begin(), points.end(),
                                  [&](const Point& point) { return point.time >= since; });
  if (first == points.end()) return 0;
  const Bytes rss = points.back().rss;
  if (rss <= first->rss) return 0;
  const Bytes rise = rss - first->rss;
  return rise >= std::max(kMinRise, rss / kMinRiseShare) ? rise : 0;
}

std::vector<recorder::RecordedProcess> ProcessGrowth::Growing(double since, std::size_t max) const {
  std::vector<std::pair<Bytes, recorder::RecordedProcess>> growing;
  for (const recorder::RecordedProcess& process : last_) {
    if (const Bytes rise = Rise(process.process, since); rise > 0) {
      growing.emplace_back(rise, process);
    }
  }
  std::stable_sort(growing.begin(), growing.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<recorder::RecordedProcess> chosen;
  for (const auto& [rise, process] : growing) {
    if (chosen.size() < max) chosen.push_back(process);
  }
  if (chosen.empty() && !last_.empty()) chosen.push_back(last_.front());
  return chosen;
}

std::size_t ProcessGrowth::CountGrowing(double since) const {
  return static_cast<std::size_t>(std::count_if(
      last_.begin(), last_.end(),
      [&](const recorder::RecordedProcess& process) { return Rise(process.process, since) > 0; }));
}

}  // namespace memwhy::diagnose
