// SPDX-License-Identifier: Apache-2.0
//
// From the stream's clock to seconds of the session: piecewise linear between pairs that the
// recorder read (clock, CLOCK_MONOTONIC), so that a counter whose rate is not known exactly does
// not drift away. Invariant: a later clock never maps to an earlier second. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "session/facts.h"

namespace memwhy::session {

class ClockMap {
 public:
  // Nanoseconds of CLOCK_MONOTONIC.
  static ClockMap Nanoseconds(std::uint64_t origin_ns);
  // A counter; pairs in any order, wrong ones are left out. Fewer than two: 1 GHz is assumed and
  // is_known() says no.
  static ClockMap Counter(std::uint64_t origin_ns, std::vector<ClockPair> pairs);

  bool is_known() const { return is_known_; }
  double Seconds(std::uint64_t clock) const {
    const Segment& last = segments_[hint_];
    if (clock < last.begin || clock >= last.end) hint_ = Find(clock);
    const Segment& segment = segments_[hint_];
    return segment.seconds_at_anchor +
           static_cast<double>(static_cast<std::int64_t>(clock - segment.anchor)) *
               segment.seconds_per_unit;
  }

 private:
  struct Segment {
    std::uint64_t begin;
    std::uint64_t end;  // exclusive
    std::uint64_t anchor;
    double seconds_at_anchor;
    double seconds_per_unit;
  };
  std::size_t Find(std::uint64_t clock) const;

  std::vector<Segment> segments_;
  mutable std::size_t hint_ = 0;
  bool is_known_ = true;
};

}  // namespace memwhy::session
