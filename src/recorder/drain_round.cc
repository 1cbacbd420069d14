// SPDX-License-Identifier: Apache-2.0
#include "recorder/drain_round.h"

#include <algorithm>

#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

using session::TimePrecision;
using Targets = std::vector<std::unique_ptr<Target>>;

// After the first look of all drains. An event is committed, a ring renamed and an end noted before
// another thread or process can know of it; so what came before an event that the first look found
// is there at this second look at the latest. The exception is a reallocation, which is committed
// at its end (decision 0007).
TimePrecision PrecisionOf(const Targets& targets, const std::function<bool()>& has_newcomer) {
  std::size_t busy = 0;
  for (const auto& target : targets) busy += target->drain().CountBusy();
  if (busy != 1) return TimePrecision::kExact;
  for (const auto& target : targets) {
    if (target->ring().info().clock_kind != targets.front()->ring().info().clock_kind ||
        target->drain().HasMore()) {
      return TimePrecision::kExact;
    }
    // Its own end comes after its own events.
    if (target->drain().CountBusy() == 0 && target->IsOver()) return TimePrecision::kExact;
  }
  return has_newcomer() ? TimePrecision::kExact : TimePrecision::kRounded;
}

// One barrier for all, and none where there is nothing to take back.
void TakeBackQuiet(const Targets& targets) {
  const std::uint64_t now = wire::MonotonicNs();
  std::size_t wanted = 0;
  for (const auto& target : targets) wanted += target->quiet().Want(now);
  if (wanted == 0 || !OrderAllThreads()) return;
  for (const auto& target : targets) target->quiet().Seal();
}

}  // namespace

Result<void> DrainAll(const Targets& targets, const std::function<bool()>& has_newcomer,
                      session::SessionWriter* writer) {
  TakeBackQuiet(targets);
  for (const auto& target : targets) target->drain().Look();
  const TimePrecision precision = PrecisionOf(targets, has_newcomer);
  for (const auto& target : targets) {
    MEMWHY_TRY_VOID(target->drain().Collect(writer, precision));
  }
  MEMWHY_TRY_VOID(writer->Flush());
  for (const auto& target : targets) target->drain().Release();
  return {};
}

Result<void> DrainRest(Target* target, session::SessionWriter* writer) {
  // Two rounds: the first frees what the second may still find behind a chunk that was being
  // filled.
  for (int round = 0; round < 2; ++round) {
    target->drain().Look();
    MEMWHY_TRY_VOID(target->drain().Collect(writer, TimePrecision::kExact));
    MEMWHY_TRY_VOID(writer->Flush());
    target->drain().Release();
  }
  return {};
}

}  // namespace memwhy::recorder
