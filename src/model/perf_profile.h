// SPDX-License-Identifier: Apache-2.0
//
// Samples of a program's stacks that another tool took: as it wrote them, and with Python, Cython
// and C frames in one stack. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/frame.h"
#include "model/memcheck.h"

namespace memwhy::model {

// As `perf script` prints them.
struct PerfScript {
  // How often each (event, frames leaf first) was seen.
  std::map<std::pair<std::string, std::vector<NativeFrame>>, std::uint64_t> stacks;
  std::uint64_t samples = 0;
  std::uint64_t lost = 0;  // as the text says
  std::uint64_t lines = 0;
  std::uint64_t unparsed = 0;  // lines that no rule fits
  std::uint64_t left_out = 0;  // samples of stacks beyond the reader's bound
};

struct PerfStack {
  std::string event;          // "cpu-clock"
  std::vector<Frame> frames;  // leaf first
  std::uint64_t samples = 0;
  bool has_python = false;
  bool is_truncated = false;  // it does not reach the beginning of its thread
};

struct PerfProfile {
  std::vector<PerfStack> stacks;  // most samples first
  std::uint64_t samples = 0;
  std::uint64_t without_python = 0;  // samples
  std::uint64_t truncated = 0;       // samples
};

}  // namespace memwhy::model
