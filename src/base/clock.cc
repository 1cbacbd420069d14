// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <cerrno>
#include <ctime>

namespace memwhy {
namespace {

std::uint64_t Read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::uint64_t RealClock::MonotonicNs() const { return Read(CLOCK_MONOTONIC); }
std::uint64_t RealClock::WallNs() const { return Read(CLOCK_REALTIME); }

void RealClock::SleepNs(std::uint64_t duration_ns) {
  timespec left{static_cast<time_t>(duration_ns / kSecond),
                static_cast<long>(duration_ns % kSecond)};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

std::string Rfc3339Now() {
  const auto now = static_cast<std::time_t>(RealClock().WallNs() / kSecond);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace memwhy
