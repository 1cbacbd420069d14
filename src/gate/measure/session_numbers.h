// SPDX-License-Identifier: Apache-2.0
//
// What a recorded run of a workload tells exactly: live bytes and blocks over its operations, in
// total and by stack. Two replays. No state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gate/measurement.h"
#include "model/sites/event_source.h"

namespace memwhy::gate {

struct OperationWindow {
  std::string mark;                  // "": none, the run's time is divided instead
  double warm_up = 0;                // operations
  std::optional<double> operations;  // that are judged; nullopt: all after the warm-up
};

enum class Blocks : std::uint8_t {
  kHeap,    // malloc, mappings, pymalloc arenas
  kPython,  // blocks of Python's allocators, of a session with every object
};

struct BlockNumbers {
  double peak_bytes = 0;
  double allocated_bytes = 0;
  double live_bytes = 0;   // least of the last part of the operations
  double live_blocks = 0;  // the same
  GrowthRun bytes;
  GrowthRun blocks;
  std::vector<StackSample> peak;     // largest first, kStacksKept at most
  std::vector<StackSample> growing;  // stacks that grow by themselves; bytes and blocks: the growth
};
inline constexpr std::size_t kStacksKept = 100;

// An error: nothing was recorded, or the marks are not there.
Result<BlockNumbers> ReadBlockNumbers(const model::EventSource& source, Blocks which,
                                      const OperationWindow& window);

}  // namespace memwhy::gate
