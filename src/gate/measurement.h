// SPDX-License-Identifier: Apache-2.0
//
// What the runs of a workload told, before anybody judges it. A baseline file holds the same. Plain
// data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/frame.h"

namespace memwhy::gate {

// How a number went over the operations of one process: its least value in each of some equal
// parts of them.
struct GrowthRun {
  std::vector<double> floors;
  double seconds = 0;     // of all parts together
  double operations = 0;  // in all parts together
  std::string trouble;    // "" or why nothing can be said of this run
};

struct MetricSamples {
  std::vector<double> levels;  // one for each process
  std::vector<GrowthRun> growth;
};

// Live bytes of one stack.
struct StackSample {
  std::vector<model::Frame> frames;  // leaf first
  bool is_truncated = false;
  bool is_arena = false;  // all of pymalloc's arenas, without frames: who asks for one is chance
  double bytes = 0;
  double blocks = 0;
  // Frames that stand on lines which changed since the baseline's commit: their numbers in
  // `frames`; nullopt: not known.
  std::optional<std::vector<std::size_t>> changed;
};

// Names of parts and their values: "kernel", "variables.OMP_NUM_THREADS", "libraries.numpy".
using Fingerprint = std::map<std::string, std::string>;

struct WorkloadSamples {
  std::string name;
  Fingerprint fingerprint;  // what belongs to this workload: python, libraries, variables
  std::map<std::string, MetricSamples, std::less<>> metrics;
  // Processes that the kernel killed at the memory limit, and that limit.
  std::uint64_t oom_kills = 0;
  std::vector<StackSample> peak;     // at the heap's peak, largest first; the largest stacks only
  std::vector<StackSample> growing;  // what grew over the operations, largest first
};

struct Measurement {
  std::string made;         // RFC 3339, UTC
  std::string commit;       // of the repository of the plan; "" unknown
  std::string reason;       // of a baseline: why it was made or updated
  Fingerprint fingerprint;  // of the machine
  std::vector<WorkloadSamples> workloads;
};

}  // namespace memwhy::gate
