// SPDX-License-Identifier: Apache-2.0
//
// A small process that outlives the governor: when the governor dies without a word, also by
// SIGKILL, it gives back what was turned down and has no lease. It knows the actuators because it
// is a fork, so it must be started before any thread. One thread on each side.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "govern/actuators/actuator.h"

namespace memwhy::govern {

class Guardian {
 public:
  static Result<Guardian> Start(std::vector<NamedActuator>* actuators);
  Guardian(Guardian&& other) noexcept;
  Guardian& operator=(Guardian&&) = delete;
  ~Guardian();  // all is given back: it goes without doing anything

  // Before an actuator is turned down; nullopt after it was given back.
  void Lowered(std::size_t index, std::optional<std::int64_t> original) const;
  pid_t pid() const { return pid_; }

 private:
  Guardian(pid_t pid, UniqueFd pipe);
  pid_t pid_;
  UniqueFd pipe_;
};

}  // namespace memwhy::govern
