// SPDX-License-Identifier: Apache-2.0
//
// maxconn of one server behind HAProxy, by its runtime API on a Unix socket (level admin). What is
// beyond waits in HAProxy's queue. It has no lease: the guardian restores. One thread.
#pragma once

#include <string>

#include "govern/actuators/actuator.h"

namespace memwhy::govern {

class HaproxyActuator : public Actuator {
 public:
  // `server` as "BACKEND/SERVER".
  HaproxyActuator(std::string socket, std::string server);
  Result<void> Apply(const Limit& limit) override;
  Result<ActuatorView> Read() override;

 private:
  Result<std::string> Ask(const std::string& command) const;

  std::string socket_;
  std::string backend_;
  std::string server_;
};

// What "show stat" says of a server. Error: it lists no such server, or is no such table.
Result<ActuatorView> ViewOfStat(const std::string& csv, const std::string& backend,
                                const std::string& server);

}  // namespace memwhy::govern
