// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/request_wait.h"

#include <algorithm>

#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

constexpr double kNoticedWithin_s = 5;  // where it can only be noticed at an allocation
constexpr std::uint64_t kWakeNs = 20'000'000;
constexpr std::uint64_t kStoppedForNs = 1'000'000'000;  // a tracer stops it for moments only

}  // namespace

RequestWait::RequestWait(const FileSystem& fs, HeapRequest* request, pid_t pid, double patience_s)
    : fs_(fs), request_(request), pid_(pid), patience_s_(patience_s), began_(wire::MonotonicNs()) {}

double RequestWait::Seconds() const {
  return static_cast<double>(wire::MonotonicNs() - began_) * 1e-9;
}

void RequestWait::Step() {
  if (wire::MonotonicNs() < next_wake_) return;
  Wake();
  next_wake_ = wire::MonotonicNs() + kWakeNs;
}

void RequestWait::Wake() {
  const WakeOutcome outcome = request_->Wake(fs_);
  obstacle_ = outcome.obstacle;
  is_forbidden_ = outcome.is_forbidden;
  if (!outcome.is_stopped) {
    stopped_since_ = 0;
  } else if (stopped_since_ == 0) {
    stopped_since_ = wire::MonotonicNs();
  }
}

std::optional<Error> RequestWait::WhyNotTaken() {
  if (!request_->IsPosted()) return std::nullopt;
  const bool is_stopped =
      stopped_since_ != 0 && wire::MonotonicNs() - stopped_since_ > kStoppedForNs;
  const double patience = is_forbidden_ ? std::min(kNoticedWithin_s, patience_s_) : patience_s_;
  if (!is_stopped && Seconds() <= patience) return std::nullopt;
  if (!request_->Withdraw()) return std::nullopt;
  if (is_stopped) return Error::Of("process {} cannot answer: {}", pid_, obstacle_);
  return Error::Of(
      "process {} did not take the request within {} s: {}, and none allocates; try again while "
      "it works",
      pid_, patience,
      obstacle_.empty() ? "no thread of it waits in a system call that may be interrupted"
                        : obstacle_);
}

}  // namespace memwhy::recorder
