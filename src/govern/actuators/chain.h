// SPDX-License-Identifier: Apache-2.0
//
// Actuators in the order of preference: the first that works has the limit. Invariant: one that
// fails, or reads back another limit than was asked for, is not used for a time and the next one
// takes its place at once; only one of them has a lowered limit at a time, as far as they answer.
// Time is given by the caller. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "govern/actuators/actuator.h"

namespace memwhy::govern {

struct ActReport {
  std::string actuator;  // "" : none works, or none was needed
  std::string result;    // confirmed, deferred, unconfirmed, untouched, none
  std::optional<std::int64_t> effective;
  std::vector<std::string> events;  // sentences for people
};

class ActuatorChain {
 public:
  static constexpr std::int64_t kConfirmMs = 2'000;
  static constexpr std::int64_t kRetryMs = 30'000;  // after a lie
  static constexpr std::int64_t kRefusedMs = 5'000;
  static constexpr std::int64_t kAbsentMs = 500;  // it may only have to start

  // `lowered(index, original)` is told before a knob without a lease is turned down, with nullopt
  // after it was given back.
  using Lowered = std::function<void(std::size_t, std::optional<std::int64_t>)>;
  ActuatorChain(std::vector<NamedActuator>* actuators, std::int64_t ceiling, Lowered lowered);

  // What the first one that works says.
  ActuatorView View(std::int64_t t_ms, std::vector<std::string>* events);
  // Once a tick: also renews leases.
  ActReport Apply(std::int64_t t_ms, std::int64_t limit, bool refuses);
  // All are given back as they were found.
  std::vector<std::string> Release();

 private:
  struct Knob {
    std::int64_t broken_until = INT64_MIN;
    std::string problem;
    bool is_applied = false;
    std::optional<std::int64_t> original;
    std::int64_t value = 0;
    bool refuses = false;
    std::int64_t pending_since = -1;
  };
  void Break(std::size_t i, std::int64_t until_ms, const std::string& why,
             std::vector<std::string>* events);
  bool GiveBack(std::size_t i, std::vector<std::string>* events);
  bool Turn(std::size_t i, std::int64_t t_ms, std::int64_t limit, bool refuses, ActReport* report);

  std::vector<NamedActuator>* actuators_;
  std::vector<Knob> knobs_;
  std::int64_t ceiling_;
  Lowered lowered_;
  std::uint64_t revision_ = 0;
};

}  // namespace memwhy::govern
