// SPDX-License-Identifier: Apache-2.0
#include "session/clock_map.h"

#include <algorithm>
#include <limits>

namespace memwhy::session {
namespace {

constexpr std::uint64_t kLastClock = std::numeric_limits<std::uint64_t>::max();
// Reading a pair takes some hundred nanoseconds; over this distance the slope is exact to 1e-6.
constexpr std::uint64_t kPairDistanceNs = 1'000'000'000;
// A counter runs at 1 MHz to 20 GHz.
constexpr double kMinRate = 1e-3;
constexpr double kMaxRate = 20;

double SignedSeconds(std::uint64_t ns, std::uint64_t origin_ns) {
  return static_cast<double>(static_cast<std::int64_t>(ns - origin_ns)) * 1e-9;
}

// Pairs in order, far enough from each other, with a believable rate between them.
std::vector<ClockPair> Clean(std::vector<ClockPair> pairs) {
  std::sort(pairs.begin(), pairs.end(),
            [](const ClockPair& a, const ClockPair& b) { return a.monotonic_ns < b.monotonic_ns; });
  std::vector<ClockPair> clean;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const ClockPair& pair = pairs[i];
    if (!clean.empty()) {
      const ClockPair& last = clean.back();
      if (pair.monotonic_ns == last.monotonic_ns || pair.clock <= last.clock) continue;
      const double rate = static_cast<double>(pair.clock - last.clock) /
                          static_cast<double>(pair.monotonic_ns - last.monotonic_ns);
      if (rate < kMinRate || rate > kMaxRate) continue;
      const bool is_near = pair.monotonic_ns - last.monotonic_ns < kPairDistanceNs;
      if (is_near && clean.size() > 1) continue;
      if (is_near && i + 1 < pairs.size()) continue;
    }
    clean.push_back(pair);
  }
  return clean;
}

}  // namespace

ClockMap ClockMap::Nanoseconds(std::uint64_t origin_ns) {
  ClockMap map;
  map.segments_.push_back({0, kLastClock, origin_ns, 0.0, 1e-9});
  return map;
}

ClockMap ClockMap::Counter(std::uint64_t origin_ns, std::vector<ClockPair> pairs) {
  const std::vector<ClockPair> clean = Clean(std::move(pairs));
  ClockMap map;
  if (clean.size() < 2) {
    map.is_known_ = false;
    const ClockPair only = clean.empty() ? ClockPair{0, origin_ns} : clean.front();
    map.segments_.push_back(
        {0, kLastClock, only.clock, SignedSeconds(only.monotonic_ns, origin_ns), 1e-9});
    return map;
  }
  for (std::size_t i = 0; i + 1 < clean.size(); ++i) {
    const ClockPair& a = clean[i];
    const ClockPair& b = clean[i + 1];
    map.segments_.push_back({i == 0 ? 0 : a.clock, i + 2 == clean.size() ? kLastClock : b.clock,
                             a.clock, SignedSeconds(a.monotonic_ns, origin_ns),
                             static_cast<double>(b.monotonic_ns - a.monotonic_ns) * 1e-9 /
                                 static_cast<double>(b.clock - a.clock)});
  }
  return map;
}

std::size_t ClockMap::Find(std::uint64_t clock) const {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), clock,
      [](std::uint64_t value, const Segment& segment) { return value < segment.begin; });
  return after == segments_.begin() ? 0 : static_cast<std::size_t>(after - segments_.begin()) - 1;
}

}  // namespace memwhy::session
