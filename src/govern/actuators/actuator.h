// SPDX-License-Identifier: Apache-2.0
//
// A knob of a server that says how many requests it runs at once (docs/govern-actuators.md tells
// how to write one). Invariant: what Apply reports as done can be checked by Read; what cannot say
// so has confirms() false. Every call is bounded in time. Called by the supervisor's thread, and by
// the guardian after the supervisor has died.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace memwhy::govern {

struct Limit {
  std::int64_t value = 0;
  std::uint64_t revision = 0;  // grows with each change; a knob may ignore what is older
  bool refuses = false;        // who comes is turned away instead of queued
};

struct ActuatorView {
  std::optional<std::int64_t> limit;  // in effect
  std::optional<std::int64_t> running;
  std::optional<std::int64_t> waiting;
};

class Actuator {
 public:
  virtual ~Actuator() = default;
  // The knob has this limit, or will have it within the time that it takes to confirm.
  virtual Result<void> Apply(const Limit& limit) = 0;
  virtual Result<ActuatorView> Read() = 0;
  // Gives the knob back as it was found. `original` is what Read said before the first Apply.
  virtual Result<void> Restore(std::int64_t original) {
    return Apply(Limit{original, UINT64_MAX, false});
  }
  virtual bool confirms() const { return true; }
  // A lease on the other side gives the limit up when it is not renewed; without one, the guardian
  // restores.
  virtual bool has_lease() const { return false; }
};

struct NamedActuator {
  std::string name;
  std::unique_ptr<Actuator> actuator;
};

// A remedy that is done once: a program, a signal, a request. Bounded in time.
class Remedy {
 public:
  virtual ~Remedy() = default;
  virtual Result<void> Do() = 0;
};

}  // namespace memwhy::govern
