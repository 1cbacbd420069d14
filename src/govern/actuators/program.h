// SPDX-License-Identifier: Apache-2.0
//
// Programs and signals as knobs and remedies. A program is run without a shell, with {{limit}} in
// its words replaced, and killed after its time. One thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "govern/actuators/actuator.h"

namespace memwhy::govern {

// What it printed, cut at 64 KiB. Error: cannot be started, took too long, ended with another code
// than 0.
Result<std::string> RunProgram(const std::vector<std::string>& words, std::int64_t timeout_ms);

class ExecActuator : public Actuator {
 public:
  // `read` prints the limit in effect; empty: it cannot be confirmed.
  ExecActuator(std::vector<std::string> command, std::vector<std::string> read,
               std::int64_t timeout_ms);
  Result<void> Apply(const Limit& limit) override;
  Result<ActuatorView> Read() override;
  bool confirms() const override { return !read_.empty(); }

 private:
  std::vector<std::string> command_;
  std::vector<std::string> read_;
  std::int64_t timeout_ms_;
};

class ExecRemedy : public Remedy {
 public:
  ExecRemedy(std::vector<std::string> command, std::int64_t timeout_ms);
  Result<void> Do() override;

 private:
  std::vector<std::string> command_;
  std::int64_t timeout_ms_;
};

// Who gets a signal: asked each time, since a server may restart.
using PidOf = std::function<Result<pid_t>()>;

class SignalRemedy : public Remedy {
 public:
  SignalRemedy(PidOf pid, int signal);
  Result<void> Do() override;

 private:
  PidOf pid_;
  int signal_;
};

// SIGNAL is a name with or without "SIG", of those that a service may take as a request: HUP, INT,
// QUIT, TERM, USR1, USR2, TTIN, TTOU, WINCH.
std::optional<int> SignalOfName(const std::string& name);

}  // namespace memwhy::govern
