// SPDX-License-Identifier: Apache-2.0
// Time as an interface, so that nothing sleeps in a test. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace memwhy {

inline constexpr std::uint64_t kMillisecond = 1'000'000;  // in nanoseconds
inline constexpr std::uint64_t kSecond = 1'000 * kMillisecond;

class Clock {
 public:
  virtual ~Clock() = default;
  // CLOCK_MONOTONIC in nanoseconds.
  virtual std::uint64_t MonotonicNs() const = 0;
  // CLOCK_REALTIME in nanoseconds since 1970.
  virtual std::uint64_t WallNs() const = 0;
  virtual void SleepNs(std::uint64_t duration_ns) = 0;
};

class RealClock : public Clock {
 public:
  std::uint64_t MonotonicNs() const override;
  std::uint64_t WallNs() const override;
  // Goes on after a signal until the time is over.
  void SleepNs(std::uint64_t duration_ns) override;
};

std::string Rfc3339Now();  // by the real clock, UTC, in seconds

// Stands still but for Advance and SleepNs. One thread.
class FakeClock : public Clock {
 public:
  explicit FakeClock(std::uint64_t wall_ns = 1'700'000'000'000'000'000) : wall_ns_(wall_ns) {}
  std::uint64_t MonotonicNs() const override { return monotonic_ns_; }
  std::uint64_t WallNs() const override { return wall_ns_; }
  void SleepNs(std::uint64_t duration_ns) override { Advance(duration_ns); }
  void Advance(std::uint64_t duration_ns) {
    monotonic_ns_ += duration_ns;
    wall_ns_ += duration_ns;
  }

 private:
  std::uint64_t monotonic_ns_ = 0;
  std::uint64_t wall_ns_;
};

}  // namespace memwhy
