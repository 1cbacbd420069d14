// SPDX-License-Identifier: Apache-2.0
//
// Starts the target with the agent preloaded. Invariant: the program runs as without us (same
// arguments, working directory, files, signals, timers), with a few variables more in its
// environment; where that cannot be, it is not run at all and an error says why. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/redaction.h"

namespace memwhy::recorder {

// The file that the environment's `variable` names, else `file` beside this program (../lib,
// ../lib/memwhy). `what` it is, for an error.
Result<std::string> FindOwnLibrary(const char* what, const char* file, const char* variable);
// libmemwhy_agent.so, by MEMWHY_AGENT.
Result<std::string> FindAgent();

// The file that execvp would run: by PATH where `name` has no slash.
Result<std::string> FindProgram(const std::string& name);

class SignalRelay;

struct LaunchOptions {
  std::vector<std::string> argv;  // not empty
  std::string session;            // absolute
  std::string rings;              // absolute; where agents make their rings
  std::string agent;              // absolute
  std::uint64_t pool_bytes = 0;
  std::string follow = "fork";  // none, fork, all
  bool is_native = false;       // record C frames as well
  bool has_objects = false;     // record the interpreter's object domains as well
  std::optional<wire::RedactionKey> redacts;
  std::string tally;  // TallyMap::address(), or ""
};

// "", or why C frames cannot be recorded here; a target with a C library of its own may differ.
std::string WhyNoNative();

// The environment of the target: ours, with LD_PRELOAD (what is there stays behind the agent) and
// the MEMWHY_ variables. A program that cannot take the agent (agent/capture/exec_environment.h)
// gets the LD_PRELOAD that we were given.
std::vector<std::string> TargetEnvironment(const LaunchOptions& options,
                                           const char* const* environment);

// The new process. `relay`, if there is one, begins before the program does. An error: the program
// could not be executed, and nothing runs.
Result<pid_t> Launch(const LaunchOptions& options, SignalRelay* relay = nullptr);

}  // namespace memwhy::recorder
