// SPDX-License-Identifier: Apache-2.0
//
// Runs a program to its end and looks at its process tree meanwhile. Invariant: when it returns, no
// process of the program is left, however it returns. Takes SIGCHLD, SIGINT and SIGTERM and makes
// this process the reaper of orphans: one run at a time, in a process with one thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "gate/measure/process_tree.h"

namespace memwhy::gate {

struct ProgramSpec {
  std::vector<std::string> argv;
  std::string directory;
  std::vector<std::pair<std::string, std::string>> environment;  // in place of ours, by name
  std::string log;     // file that its stdout and stderr go to; it must not be there yet
  std::string cgroup;  // file that it writes "0" to before it starts; "" none
  double timeout_s = 600;
  bool samples = false;  // look at the tree; the next two say at what beside memory and threads
  TreeWants wants;
};

struct TreeSample {
  double time = 0;  // seconds from the start
  TreeLook look;
};

struct ProgramRun {
  std::vector<TreeSample> samples;
  Bytes rss_peak = 0;
  double seconds = 0;
  int status = 0;      // as waitpid gives it
  std::string python;  // the first word by which a CPython of the tree was started; "" none seen
};

// An error: it could not be started, took longer than its timeout, or a signal interrupted us.
Result<ProgramRun> RunProgram(const ProgramSpec& spec);

// "exit status 3", "signal 9 (Killed)"; "" for exit status 0.
std::string WhyFailed(int status);

}  // namespace memwhy::gate
